/** What stands in place of a secret, everywhere. */
export const BULLETS = '••••••••';

const secretNames =
  /^(?:(?:proxy-)?authorization|(?:set-)?cookie2?|pass(?:word|phrase|wd)?|secrets?|token|jwt|api-?key|credentials?|private-?key|master|kek|dek)$|[-_](?:token|key|secret|signature|password)$/i;
const camelSecretNames = /[a-z](?:Token|Secret|Signature|Password|ApiKey|PrivateKey|Passphrase)$/;

/** Names that end like a secret and are not one. */
const harmlessNames = new Set(['x-idempotency-key', 'idempotency-key']);

/** True for the name of a header or field whose value must never be written down: `Authorization`, `Cookie`, `*-Token`, `*-Key`, `*-Secret`, `*-Signature`, passwords. */
export const isSecretName = (name: string): boolean =>
  !harmlessNames.has(name.toLowerCase()) && (secretNames.test(name) || camelSecretNames.test(name));

/** Secrets recognisable by their form, wherever they stand: authorization schemes, JWTs, our own tokens, tokens in paths, passwords in URLs. */
const patterns: readonly (readonly [RegExp, string])[] = [
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${BULLETS}`],
  // Tokens of ours: of the operator, of an agent's session, of an API key, of a webhook.
  [/\b(?:vg[as]_|ocx_live_|whsec_)[\w-]{8,}/g, BULLETS],
  // Judged once for each run of such characters, however many beginnings stand in it: tried at each of them, a long run
  // of beginnings alone would take its length squared.
  [/(?<![\w-])(?=[\w-]{9,}\.[\w-]{2,}\.)([\w-]*?)\beyJ[\w-]{6,}\.[\w-]{2,}\.[\w-]*/g, `$1${BULLETS}`],
  [/(\/voice-prefetch\/)[^/?#\s"']+/g, `$1${BULLETS}`],
  [/(\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:/@"']{0,256}:)[^\s@/"']{1,256}@/gi, `$1${BULLETS}@`],
];

/**
 * True when a text holds the token of an agent's session. An agent has no reason to send it but as its credential; one
 * that was talked into passing it on is refused.
 */
export const holdsSessionToken = (text: string): boolean => /vgs_[0-9a-f-]{36}_/.test(text);

export type Redactor = {
  /** Makes a value known, so that it is replaced wherever it appears; values under 6 characters are not, they would eat ordinary text. */
  add(secret: string): void;
  /** The same until the returned function is called, once for each time it was held: for what must not outlive a call. */
  hold(secret: string): () => void;
  text(value: string): string;
  /** A copy of a JSON-like value or error without secrets; cycles, functions and depths over 8 become short words. */
  value(value: unknown): unknown;
  /** Like `value` for a line of a log: texts are cut after 8,192 characters, so that a stranger's text costs a bounded time. */
  line(value: unknown): unknown;
};

/** Characters of one text in a log line. */
const LINE_TEXT = 8_192;
/** Characters of it that are looked through. What stands in the second half may be half a secret, and is never shown. */
const LOOKED_THROUGH = 32_768;

const SHORTEST = 6;
const DEEPEST = 8;
/** Secrets that came later (of customers, as they are used) are remembered up to this many, the newest. */
const MOST_LATER = 10_000;

/**
 * The secrets to look for, by their first characters: a text costs one look a character, however many secrets there
 * are. Most characters begin no secret and cost less.
 */
const createIndex = () => {
  const byStart = new Map<string, string[]>();
  const beginnings = new Map<number, number>();
  const count = (code: number, by: number): void => {
    const left = (beginnings.get(code) ?? 0) + by;
    if (left > 0) beginnings.set(code, left);
    else beginnings.delete(code);
  };
  return {
    add(secret: string): void {
      const start = secret.slice(0, SHORTEST);
      const others = byStart.get(start) ?? [];
      // Longest first: a secret that begins with another one must not leave its tail behind.
      const shorter = others.findIndex(({ length }) => length < secret.length);
      others.splice(shorter === -1 ? others.length : shorter, 0, secret);
      byStart.set(start, others);
      count(secret.charCodeAt(0), 1);
    },
    remove(secret: string): void {
      const start = secret.slice(0, SHORTEST);
      const left = byStart.get(start) ?? [];
      const at = left.indexOf(secret);
      // One of them alone: another secret may be written alike.
      if (at !== -1) left.splice(at, 1);
      if (left.length === 0) byStart.delete(start);
      count(secret.charCodeAt(0), -1);
    },
    replace(text: string): string {
      if (beginnings.size === 0) return text;
      let result = '';
      let from = 0;
      let at = 0;
      while (at + SHORTEST <= text.length) {
        const candidates = beginnings.has(text.charCodeAt(at)) ? byStart.get(text.slice(at, at + SHORTEST)) : undefined;
        const hit = candidates?.find((secret) => text.startsWith(secret, at));
        if (hit === undefined) {
          at += 1;
          continue;
        }
        result += text.slice(from, at) + BULLETS;
        at += hit.length;
        from = at;
      }
      return from === 0 ? text : result + text.slice(from);
    },
  };
};

const cut = (text: string, limit: number): string => (text.length <= limit ? text : `${text.slice(0, limit)}…`);

/** A redactor that knows the given secrets for good, besides names and forms. */
export const createRedactor = (secrets: Iterable<string> = []): Redactor => {
  const index = createIndex();
  const lasting = new Set<string>();
  const later = new Set<string>();
  const held = new Map<string, number>();
  /** A secret as it may stand in a text: itself, and as JSON text writes it. */
  const forms = (secret: string): readonly string[] => [...new Set([secret, JSON.stringify(secret).slice(1, -1)])];

  for (const secret of secrets) {
    if (secret.length < SHORTEST || lasting.has(secret)) continue;
    lasting.add(secret);
    for (const form of forms(secret)) index.add(form);
  }
  const add = (secret: string): void => {
    if (secret.length < SHORTEST || lasting.has(secret)) return;
    // Deleted and added anew, so that the set's order is the order of use.
    if (later.delete(secret)) {
      later.add(secret);
      return;
    }
    later.add(secret);
    if (!held.has(secret)) for (const form of forms(secret)) index.add(form);
    const [oldest] = later;
    if (later.size > MOST_LATER && oldest !== undefined) {
      later.delete(oldest);
      if (!held.has(oldest)) for (const form of forms(oldest)) index.remove(form);
    }
  };
  const hold = (secret: string): (() => void) => {
    if (secret.length < SHORTEST || lasting.has(secret)) return () => {};
    const count = held.get(secret) ?? 0;
    held.set(secret, count + 1);
    if (count === 0 && !later.has(secret)) for (const form of forms(secret)) index.add(form);
    let holding = true;
    return () => {
      if (!holding) return;
      holding = false;
      const left = (held.get(secret) ?? 1) - 1;
      if (left > 0) {
        held.set(secret, left);
        return;
      }
      held.delete(secret);
      if (!later.has(secret)) for (const form of forms(secret)) index.remove(form);
    };
  };

  const text = (value: string): string => {
    let result = index.replace(value);
    for (const [pattern, replacement] of patterns) result = result.replace(pattern, replacement);
    return result;
  };

  const lineText = (value: string): string => {
    if (value.length <= LOOKED_THROUGH) return cut(text(value), LINE_TEXT);
    const clean = text(value.slice(0, LOOKED_THROUGH));
    return `${clean.slice(0, Math.min(LINE_TEXT, Math.max(0, clean.length - LOOKED_THROUGH / 2)))}…`;
  };

  const walk = (value: unknown, depth: number, above: readonly object[], text: (value: string) => string): unknown => {
    if (typeof value === 'string') return text(value);
    if (typeof value === 'bigint') return value.toString();
    if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`;
    if (typeof value !== 'object' || value === null) return value;
    if (above.includes(value)) return '[circular]';
    if (depth > DEEPEST) return '[deep]';
    const path = [...above, value];
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (Array.isArray(value)) return value.map((item) => walk(item, depth + 1, path, text));
    if (value instanceof Map) return walk(Object.fromEntries(value), depth + 1, path, text);
    if (value instanceof Set) return walk([...value], depth + 1, path, text);
    const result: Record<string, unknown> = {};
    if (value instanceof Error) {
      result.type = value.name;
      result.message = text(value.message);
      if (value.stack !== undefined) result.stack = text(value.stack);
      if (value.cause !== undefined) result.cause = walk(value.cause, depth + 1, path, text);
    }
    for (const [name, item] of Object.entries(value)) {
      const hidden = isSecretName(name) && item !== null && item !== undefined && typeof item !== 'boolean';
      result[name] = hidden ? BULLETS : walk(item, depth + 1, path, text);
    }
    return result;
  };

  return {
    add,
    hold,
    text,
    value: (value) => walk(value, 0, [], text),
    line: (value) => walk(value, 0, [], lineText),
  };
};
