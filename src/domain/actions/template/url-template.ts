import type { RequestUrl } from '../../../platform/egress/index.js';
import { parseTemplate } from './parse.js';
import { evaluate, type Scope } from './render.js';
import { type Expression, type Part, TemplateError } from './syntax.js';
import { toText } from './values.js';

/** A URL with attributes in it, taken apart into the places where values stand. */
export type UrlTemplate = {
  readonly parts: readonly Part[];
  /** The origin when no attribute stands in the host: what can be connected to ahead of a call. */
  readonly staticOrigin: string | undefined;
  /** Builds the URL. Throws TemplateError when a value does not fit the place where it stands. */
  render(scope: Scope): RequestUrl;
};

type Place = 'authority' | 'path' | 'query';
type Piece = { readonly place: Place; readonly part: string | Expression };

const scheme = 'https://';
const maxUrlLength = 8_192;
const hostValue =
  /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;
const portValue = /^[1-9]\d{0,4}$/;
const unsafeText = /[\u0000-\u0020\u007f\\<>"^`{|}]/;

/** Splits literal text at the borders between host, path and query, carrying the place over expressions. */
const place = (parts: readonly Part[]): Piece[] => {
  const pieces: Piece[] = [];
  let current: Place = 'authority';
  let offset = 0;
  for (const part of parts) {
    if (typeof part !== 'string') {
      if (part.kind === 'hmac') throw new TemplateError('calls cannot stand in a URL');
      pieces.push({ place: current, part });
      continue;
    }
    let text = part;
    if (offset === 0) {
      if (!text.toLowerCase().startsWith(scheme)) throw new TemplateError('the URL must start with https://', 1);
      text = text.slice(scheme.length);
    }
    offset += 1;
    const unsafe = unsafeText.exec(text);
    if (unsafe !== null) {
      const shown = JSON.stringify(unsafe[0]);
      throw new TemplateError(`the character ${shown} cannot stand in a URL; percent-encode it`);
    }
    if (text.includes('#')) throw new TemplateError('a fragment ("#…") is never sent; leave it out');
    while (text !== '') {
      const border = current === 'authority' ? text.search(/[/?]/) : current === 'path' ? text.indexOf('?') : -1;
      const head = border === -1 ? text : text.slice(0, border);
      if (head !== '') pieces.push({ place: current, part: head });
      text = border === -1 ? '' : text.slice(border);
      if (text.startsWith('/')) current = 'path';
      if (text.startsWith('?')) current = 'query';
    }
  }
  if (offset === 0) throw new TemplateError('the URL must start with https://', 1);
  return pieces;
};

const unreserved = /^[\w-]*$/;

const percentEncode = (text: string): string => {
  if (unreserved.test(text)) return text;
  try {
    return encodeURIComponent(text);
  } catch {
    // A lone surrogate has no UTF-8; what arrives is the replacement character.
    return encodeURIComponent(Buffer.from(text, 'utf8').toString('utf8'));
  }
};

/**
 * Literal text as a URL parser would leave it, so that the parts of a call need only be joined: what is not ASCII is
 * encoded, and so is the apostrophe in a query (URL standard, "special-query percent-encode set").
 */
const normalised = ({ place, part }: Piece): Piece => {
  if (typeof part !== 'string') return { place, part };
  const ascii = part.replace(/[^\u0000-\u007f]+/g, percentEncode);
  return { place, part: place === 'query' ? ascii.replaceAll("'", '%27') : ascii };
};

/** A segment that decodes to "." or ".." would let a value climb out of the path it was put into. */
const refuseDotSegments = (path: string): void => {
  if (!path.includes('.') && !path.includes('%')) return;
  for (const segment of path.split('/')) {
    const decoded = segment.replace(/%2e/gi, '.');
    if (decoded === '.' || decoded === '..') {
      throw new TemplateError('a part of the path is "." or "..", which would lead to another address');
    }
  }
};

const renderAuthority = (pieces: readonly Piece[], scope: Scope): string => {
  let authority = '';
  for (const { part } of pieces) {
    if (typeof part === 'string') {
      authority += part;
      continue;
    }
    const { value, trust, masked } = evaluate(part, scope);
    if (trust === 'ai') throw new TemplateError('a value chosen by the AI cannot stand in the host', part.position);
    const text = toText(value);
    const isPort = authority.endsWith(':');
    if (masked === true || !(isPort ? portValue.test(text) && Number(text) <= 65_535 : hostValue.test(text))) {
      throw new TemplateError(
        `the value in the ${isPort ? 'port' : 'host'} is not a ${isPort ? 'port' : 'host name'}`,
        part.position,
      );
    }
    authority += text;
  }
  return authority;
};

type Origin = Pick<RequestUrl, 'protocol' | 'origin' | 'hostname' | 'port'>;

const originOf = (authority: string): Origin => {
  if (authority.includes('@')) throw new TemplateError('user and password cannot stand in the URL; use authentication');
  let url: URL;
  try {
    url = new URL(`${scheme}${authority}/`);
  } catch {
    throw new TemplateError('the URL has no valid host');
  }
  if (url.username !== '' || url.password !== '' || url.pathname !== '/' || url.search !== '' || url.hostname === '') {
    throw new TemplateError('the URL has no valid host');
  }
  const { protocol, origin, hostname, port } = url;
  return { protocol, origin, hostname, port };
};

/**
 * Compiles a URL: absolute, https, attributes in host, path and query. Each value is percent-encoded for its place; a
 * host value is validated, never encoded, and never comes from the AI.
 */
export const compileUrl = (text: string): UrlTemplate => {
  const parts = parseTemplate(text);
  const pieces = place(parts);
  const authority = pieces.filter((piece) => piece.place === 'authority');
  const rest = pieces.filter((piece) => piece.place !== 'authority').map(normalised);
  const literalAuthority = authority.map(({ part }) => (typeof part === 'string' ? part : '')).join('');
  if (literalAuthority.includes('@')) originOf(literalAuthority);
  const isStatic = authority.every(({ part }) => typeof part === 'string');
  const fixed = isStatic ? originOf(literalAuthority) : undefined;
  const literalPath = rest.filter((piece) => piece.place === 'path');
  // With a stand-in for each value this finds the segments that are wrong whatever the values are.
  refuseDotSegments(literalPath.map(({ part }) => (typeof part === 'string' ? part : 'x')).join(''));
  return {
    parts,
    staticOrigin: fixed?.origin,
    render(scope) {
      const { protocol, origin, hostname, port } = fixed ?? originOf(renderAuthority(authority, scope));
      let path = '';
      let query = '';
      for (const piece of rest) {
        const text =
          typeof piece.part === 'string' ? piece.part : percentEncode(toText(evaluate(piece.part, scope).value));
        if (piece.place === 'path') path += text;
        else query += typeof piece.part === 'string' ? text : text.replaceAll("'", '%27');
      }
      refuseDotSegments(path);
      if (path.length + query.length > maxUrlLength) {
        throw new TemplateError(`the URL is longer than ${maxUrlLength} characters`);
      }
      // Every piece is in the form that a URL parser would give it, and none can end the host.
      const pathname = path === '' ? '/' : path;
      const search = query === '?' ? '' : query;
      return { protocol, origin, hostname, port, pathname, search, href: `${origin}${pathname}${query}` };
    },
  };
};
