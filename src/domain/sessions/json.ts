/** JSON text of a value, or of a stated stand-in when it has none (a cycle, a bigint): a note must never break a call. */
export const jsonText = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch {
    return '{"unserializable":true}';
  }
};

/** True for a JSON object. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A JSON object, or null when the text is none. */
export const jsonRecord = (text: string | undefined): Record<string, unknown> | null => {
  if (text === undefined) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
};

/** A JSON value; text that is none stands for itself. */
export const jsonValue = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};
