/** The parameters of one `Digest …` value, names lower case, quotes removed. */
export type DigestFields = ReadonlyMap<string, string>;

const MAX_LENGTH = 8192;

/**
 * Reads the value of (WWW|Proxy)-Authenticate or (Proxy-)Authorization. Several challenges in one comma-joined text are
 * told apart by their scheme word (RFC 8760 section 2.4 allows several). Schemes other than Digest are left out.
 * A malformed text ends the reading; what was complete before it is returned.
 */
export const parseDigests = (text: string): readonly DigestFields[] => {
  const found: Map<string, string>[] = [];
  if (text.length > MAX_LENGTH) return found;
  // Either a scheme (a word, then a parameter) or a parameter; sticky, so that every step consumes input.
  const step =
    /[\s,]*(?:([A-Za-z][\w-]*)\s+(?=[A-Za-z][\w-]*\s*=)|([A-Za-z][\w-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))/y;
  let current: Map<string, string> | null = null;
  while (step.lastIndex < text.length) {
    const match = step.exec(text);
    if (match === null) break;
    const [, scheme, name, quoted, bare] = match;
    if (scheme !== undefined) {
      current = scheme.toLowerCase() === 'digest' ? new Map() : null;
      if (current !== null) found.push(current);
    } else if (current !== null && name !== undefined) {
      const key = name.toLowerCase();
      const value = quoted === undefined ? (bare ?? '') : quoted.replace(/\\(.)/g, '$1');
      if (!current.has(key)) current.set(key, value);
    }
  }
  return found;
};

/** A value in quotes (RFC 3261 section 25.1), control characters left out. */
export const quotedValue = (text: string): string =>
  `"${text.replace(/[\u0000-\u001f\u007f]/g, '').replace(/(["\\])/g, '\\$1')}"`;
