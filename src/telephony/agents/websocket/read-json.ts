/** The JSON of a text message as `{json}`, or null when it is none. */
export const readJson = (text: string): { readonly json: unknown } | null => {
  try {
    return { json: JSON.parse(text) };
  } catch {
    return null;
  }
};
