const space = /[ \t\r\n]*/y;
const scalar =
  /"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const text = /"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

/**
 * The offset at which a text stops being JSON (RFC 8259), its length when it only ends too early. V8's own message
 * quotes the input around the place, which may be a credential, and often leaves the place out.
 */
export const jsonFaultOffset = (input: string): number => {
  let at = 0;
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const match = pattern.exec(input);
    if (match === null) return false;
    at += match[0].length;
    return true;
  };
  const take = (character: string): boolean => {
    skip(space);
    if (input[at] !== character) return false;
    at += 1;
    return true;
  };
  /** Closing brackets that are still owed, innermost last. */
  const open: string[] = [];
  const key = (): boolean => {
    skip(space);
    return skip(text) && take(':');
  };
  for (;;) {
    skip(space);
    if (take('{')) {
      if (!take('}')) {
        if (!key()) return at;
        open.push('}');
        continue;
      }
    } else if (take('[')) {
      if (!take(']')) {
        open.push(']');
        continue;
      }
    } else if (!skip(scalar)) return at;
    // A value is complete: close what ends here, or go on behind a comma.
    for (;;) {
      const closing = open.at(-1);
      if (closing === undefined) {
        skip(space);
        return at;
      }
      if (take(closing)) {
        open.pop();
        continue;
      }
      if (!take(',')) return at;
      if (closing === '}' && !key()) return at;
      break;
    }
  }
};
