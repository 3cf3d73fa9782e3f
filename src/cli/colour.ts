import type { CliContext } from './context.js';

const codes = { red: 31, green: 32, yellow: 33, cyan: 36, bold: 1, dim: 2 } as const;
export type Colour = keyof typeof codes;

/** Paints text on a terminal; elsewhere it stays as it is. The text must be `printable` before. */
export const painter =
  (context: Pick<CliContext, 'terminal'>) =>
  (text: string, colour: Colour): string =>
    context.terminal?.colour === true ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text;

/** What the label of a SIP message says of it: requests, and the classes of answers. */
const colourOf = (label: string): Colour => {
  const status = /^(\d)\d\d\b/.exec(label)?.[1];
  if (status === undefined) return 'cyan';
  if (status === '1') return 'yellow';
  return status === '2' ? 'green' : 'red';
};

/** A ladder with its arrows in colour, line by line; its own text is not changed. */
export const paintLadder = (context: Pick<CliContext, 'terminal'>, ladder: string): string => {
  const paint = painter(context);
  return ladder
    .split('\n')
    .map((line) => line.replace(/<?-+ (.+?) -+>?/, (arrow, label: string) => paint(arrow, colourOf(label))))
    .join('\n');
};
