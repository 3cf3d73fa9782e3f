/** Names in braces: `{order_id}`. Anything else in braces stays as it is. */
const PLACEHOLDER = /\{([A-Za-z_][A-Za-z0-9_.-]{0,63})\}/g;

/** Longest text a filled template may become. */
const MAX_LENGTH = 2000;

const asText = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
};

/** True when the text depends on attributes. */
export const isTemplate = (text: string): boolean => text.search(PLACEHOLDER) >= 0;

/** Puts attributes into a text; one that is not there leaves nothing behind. */
export const fill = (text: string, attributes: Readonly<Record<string, unknown>>): string =>
  text
    .replace(PLACEHOLDER, (_whole, name: string) => (Object.hasOwn(attributes, name) ? asText(attributes[name]) : ''))
    .slice(0, MAX_LENGTH);

/**
 * Fills every text inside a value. A text that is one placeholder becomes the attribute itself, so that numbers and
 * lists keep their type.
 */
export const fillValue = (value: unknown, attributes: Readonly<Record<string, unknown>>, depth = 0): unknown => {
  if (typeof value === 'string') {
    const name = /^\{([A-Za-z_][A-Za-z0-9_.-]{0,63})\}$/.exec(value)?.[1];
    if (name !== undefined && Object.hasOwn(attributes, name)) return attributes[name];
    return fill(value, attributes);
  }
  if (depth > 8 || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => fillValue(item, attributes, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillValue(item, attributes, depth + 1)]));
};
