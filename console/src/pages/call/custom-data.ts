import { isRecord, parseJson } from '../../ui/json.js';

const written = (value: unknown): string => {
  if (Array.isArray(value)) return value.map(written).join(', ');
  if (isRecord(value)) {
    return Object.entries(value)
      .map(([name, each]) => `${name}: ${written(each)}`)
      .join('; ');
  }
  return value === null ? 'none' : String(value);
};

/** A value of a contact as people read it: what is nested comes as JSON text. */
export const plainText = (value: string): string => {
  if (!/^\s*[[{]/.test(value)) return value;
  const parsed = parseJson(value);
  return parsed.ok ? written(parsed.value) : value;
};
