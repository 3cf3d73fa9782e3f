import { parse as parseYaml, YAMLParseError } from 'yaml';
import { GatewayError } from '../../core/errors.js';
import { plainTreeFaults } from '../../core/faults.js';
import { jsonFaultOffset } from './json-place.js';

export type BodyType = 'json' | 'yaml';

const typeOf = (contentType: string | undefined): BodyType | 'none' | 'other' => {
  const [type = ''] = (contentType ?? '').split(';');
  const name = type.trim().toLowerCase();
  if (name === '') return 'none';
  if (name === 'application/json' || /^application\/[\w.-]+\+json$/.test(name)) return 'json';
  if (/^(?:application|text)\/(?:x-)?yaml$/.test(name)) return 'yaml';
  return 'other';
};

const where = (text: string, offset: number): string => {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
};

const fromJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    const place = where(text, jsonFaultOffset(text));
    throw new GatewayError('bad_request', `The body is not JSON: it cannot be read at ${place}.`);
  }
};

const fromYaml = (text: string): unknown => {
  try {
    return parseYaml(text, {
      maxAliasCount: 50,
      uniqueKeys: true,
      stringKeys: true,
      logLevel: 'error',
      schema: 'core',
    });
  } catch (error) {
    const position = error instanceof YAMLParseError ? error.linePos?.[0] : undefined;
    const at = position === undefined ? '' : ` at line ${position.line}, column ${position.col}`;
    const code = error instanceof YAMLParseError ? ` (${error.code})` : '';
    throw new GatewayError('bad_request', `The body is not YAML that can be read${at}${code}.`);
  }
};

/**
 * The body as a plain value; undefined when there is none. Throws GatewayError unsupported_media_type, or bad_request
 * with the place where reading stopped: never with what stands there.
 */
export const parseBody = (bytes: Buffer, contentType: string | undefined, accepted: readonly BodyType[]): unknown => {
  if (bytes.length === 0) return undefined;
  const type = typeOf(contentType);
  if (type === 'other' || type === 'none' || !accepted.includes(type)) {
    const names = accepted.map((name) => `application/${name}`).join(' or ');
    throw new GatewayError('unsupported_media_type', `The body must be ${names}, and Content-Type must say so.`);
  }
  const text = new TextDecoder('utf-8', { fatal: false }).decode(bytes);
  const value = type === 'json' ? fromJson(text) : fromYaml(text);
  const faults = plainTreeFaults(value);
  if (faults.length > 0) {
    throw new GatewayError('bad_request', 'The body holds what no request may hold.', { details: faults });
  }
  return value;
};
