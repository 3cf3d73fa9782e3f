/** Text as JSON, or why it is none. */
export const parseJson = (
  text: string,
): { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: Error } => {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return {
      ok: false,
      error: new Error(`This is not JSON: ${error instanceof Error ? error.message : 'it cannot be read'}.`),
    };
  }
};

export const pretty = (value: unknown): string => JSON.stringify(value, null, 2);

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
