import { parse, YAMLParseError } from 'yaml';
import { plainTreeFaults } from '../core/faults.js';
import { embedCertificateFiles } from './certificate-files.js';
import type { CliContext } from './context.js';
import { CliError } from './exit-codes.js';
import { readInput } from './local-files.js';
import { fillPlaceholders } from './placeholders.js';

export type DocumentFile = { readonly organization: string; readonly document: unknown };

const organizationId = (document: unknown): string | null => {
  if (typeof document !== 'object' || document === null || !('organization' in document)) return null;
  const { organization } = document;
  if (typeof organization !== 'object' || organization === null || !('id' in organization)) return null;
  return typeof organization.id === 'string' && organization.id !== '' ? organization.id : null;
};

/**
 * Reads an organization's document (YAML, of which JSON is a part), placeholders filled from the environment and files
 * of certificates put in.
 */
export const readDocument = async (context: CliContext, file: string): Promise<DocumentFile> => {
  const text = await readInput(context, file);
  let parsed: unknown;
  try {
    parsed = parse(text, { maxAliasCount: 50, uniqueKeys: true, stringKeys: true, logLevel: 'error' });
  } catch (error) {
    const at = error instanceof YAMLParseError ? error.linePos?.[0] : undefined;
    const place = at === undefined ? '' : ` at line ${at.line}, column ${at.col}`;
    throw new CliError('invalid', `${file} cannot be read as YAML or JSON${place}.`);
  }
  const tree = plainTreeFaults(parsed);
  const filled = tree.length > 0 ? { value: null, faults: tree } : fillPlaceholders(parsed, context.env);
  const embedded = filled.faults.length > 0 ? null : embedCertificateFiles(context, file, filled.value);
  const faults = embedded?.faults ?? filled.faults;
  if (faults.length > 0 || embedded === null) {
    const lines = faults.map((fault) => `${fault.path}: ${fault.message}`);
    throw new CliError('invalid', `${file} cannot be sent; nothing was changed.`, lines);
  }
  const organization = organizationId(embedded.document);
  if (organization === null)
    throw new CliError('invalid', `${file} must name its organization: organization.id is missing.`);
  return { organization, document: embedded.document };
};
