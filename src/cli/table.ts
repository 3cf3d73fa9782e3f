/** What a terminal must not be sent: control characters could move the cursor or worse, and callers choose names. */
export const printable = (text: string): string =>
  text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '?');

/** Rows in aligned columns, a heading above; an empty list is one sentence. */
export const table = (heading: readonly string[], rows: readonly (readonly string[])[], empty: string): string => {
  if (rows.length === 0) return `${empty}\n`;
  const all = [heading, ...rows].map((row) => row.map((cell) => printable(cell).replace(/[\n\t]/g, ' ')));
  const widths = heading.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
};

/** `4 s`, `2 min 5 s`. */
export const duration = (ms: number): string => {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
};

/** Time of day, local, to the second or millisecond. */
export const clockTime = (iso: string, digits = 0): string => {
  const at = new Date(iso);
  const two = (value: number): string => String(value).padStart(2, '0');
  const text = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return digits === 0 ? text : `${text}.${String(at.getMilliseconds()).padStart(3, '0')}`;
};
