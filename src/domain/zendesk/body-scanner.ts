/** A member of the top-level object of a body: its key, and its value as written there. */
export type Member = { readonly key: string; readonly raw: string };

export type Scan = {
  /** Members whose place at top level is certain. */
  readonly members: readonly Member[];
  /** Null: the whole text is one object. Else where the text stops being JSON. */
  readonly brokenAt: number | null;
};

/** No trigger has more; what follows is looked at as if the text were broken there. */
const MOST_MEMBERS = 1_000;

const space = /[ \t\r\n]*/y;
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

const matchAt = (pattern: RegExp, text: string, at: number): number => {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
};

/** Where an object or array that begins at `at` ends, by its brackets outside of strings; -1 when it does not. */
const nestedEnd = (text: string, at: number): number => {
  let depth = 0;
  for (let i = at; i < text.length; i += 1) {
    const c = text[i];
    if (c === '"') {
      const end = matchAt(string, text, i);
      if (end < 0) return -1;
      i = end - 1;
    } else if (c === '{' || c === '[') depth += 1;
    else if (c === '}' || c === ']') {
      depth -= 1;
      if (depth === 0) return i + 1;
    }
  }
  return -1;
};

/** Where the value at `at` ends; -1 when none can be read there. An empty value is one: `{{ticket.id}}` may be blank. */
const valueEnd = (text: string, at: number): number => {
  const first = text[at];
  if (first === '"') return matchAt(string, text, at);
  if (first === '{' || first === '[') return nestedEnd(text, at);
  if (first === ',' || first === '}') return at;
  return matchAt(scalar, text, at);
};

/**
 * Walks the members of the top-level object as far as the text is JSON, empty values excepted. A string that is followed
 * by anything else than `,` or `}` was not closed where it seems: it and all after it is uncertain.
 */
export const scanMembers = (text: string): Scan => {
  const members: Member[] = [];
  const skip = (at: number): number => matchAt(space, text, at);
  let at = skip(0);
  if (text[at] !== '{') return { members, brokenAt: at };
  at = skip(at + 1);
  if (text[at] === '}') return { members, brokenAt: skip(at + 1) === text.length ? null : at + 1 };
  for (;;) {
    const start = at;
    const keyEnd = matchAt(string, text, at);
    if (keyEnd < 0) return { members, brokenAt: start };
    const colon = skip(keyEnd);
    if (text[colon] !== ':') return { members, brokenAt: start };
    const from = skip(colon + 1);
    const to = valueEnd(text, from);
    const next = to < 0 ? -1 : skip(to);
    const end = next < 0 ? undefined : text[next];
    if (end !== ',' && end !== '}') return { members, brokenAt: start };
    if (members.length === MOST_MEMBERS) return { members, brokenAt: start };
    const written = text.slice(start, keyEnd);
    members.push({
      key: written.includes('\\') ? String(JSON.parse(written)) : written.slice(1, -1),
      raw: text.slice(from, to),
    });
    if (end === '}') return { members, brokenAt: skip(next + 1) === text.length ? null : next + 1 };
    at = skip(next + 1);
  }
};

/** Places where `"key"` followed by a colon is written in `text` from `from` on. */
const keyPlaces = (text: string, key: string, from: number): number[] => {
  const places: number[] = [];
  const written = `"${key}"`;
  for (let at = text.indexOf(written, from); at >= 0; at = text.indexOf(written, at + 1)) {
    if (text[matchAt(space, text, at + written.length)] === ':') places.push(at);
  }
  return places;
};

/** The value at a place behind the break, when the place is certain to be at top level; null when it is not. */
const valueBehindBreak = (text: string, key: string, at: number, flat: boolean): string | null => {
  if (!text.slice(0, at).trimEnd().endsWith(',')) return null;
  const from = matchAt(space, text, matchAt(space, text, at + key.length + 2) + 1);
  const to = valueEnd(text, from);
  const next = to < 0 ? -1 : matchAt(space, text, to);
  if (next < 0 || (text[next] !== ',' && text[next] !== '}')) return null;
  const raw = text.slice(from, to);
  if (flat) return raw;
  // What runs from here to the end as the members of one object ends with the brace that closes the top level.
  const tail = scanMembers(`{${text.slice(at)}`);
  return tail.brokenAt === null ? raw : null;
};

export type Found =
  | { readonly kind: 'value'; readonly raw: string }
  | { readonly kind: 'missing' | 'twice' | 'unclear' };

/**
 * The value of a top-level key. In a text that is not JSON it is given only when exactly one place could be meant and
 * that place is certainly at top level: text that others wrote into a string (a ticket's title) must never be taken for
 * a member. `twice`: more than one place could be meant; `unclear`: the one place is not certain.
 */
export const findMember = (text: string, scan: Scan, key: string): Found => {
  const sure = scan.members.filter((member) => member.key === key);
  if (sure.length > 1) return { kind: 'twice' };
  const [only] = sure;
  if (scan.brokenAt === null) return only === undefined ? { kind: 'missing' } : { kind: 'value', raw: only.raw };
  const places = keyPlaces(text, key, scan.brokenAt);
  if (sure.length + places.length > 1) return { kind: 'twice' };
  if (only !== undefined) return { kind: 'value', raw: only.raw };
  const [place] = places;
  if (place === undefined) return { kind: 'missing' };
  // Without any bracket but the outer two nothing can be nested.
  const flat = !/[{}[\]]/.test(text.trim().slice(1, -1));
  const raw = valueBehindBreak(text, key, place, flat);
  return raw === null ? { kind: 'unclear' } : { kind: 'value', raw };
};
