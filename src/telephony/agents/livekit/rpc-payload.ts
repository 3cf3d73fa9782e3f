/**
 * Longest answer to an RPC, octets: LiveKit's limit for one that is sent in one piece. Newer agents take longer ones in
 * pieces, which nobody knows of an agent before it is answered; an answer over the limit reaches the others as an error.
 */
export const longestAnswer = 15_360;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

const shortened = (value: unknown, most: number): unknown => {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length <= most ? value : `${text.slice(0, most)}\n[${text.length - most} characters were cut.]`;
};

type ActionAnswer = Readonly<Record<string, unknown>> & { readonly outputs: Readonly<Record<string, unknown>> };

const isAction = (answer: unknown): answer is ActionAnswer => isRecord(answer) && isRecord(answer.outputs);

/** What an action brought, none of its values longer than `most` characters. */
const withValues = (answer: ActionAnswer, most: number): unknown => ({
  ...answer,
  outputs: Object.fromEntries(Object.entries(answer.outputs).map(([name, one]) => [name, shortened(one, most)])),
  ...(answer.text === undefined ? {} : { text: shortened(answer.text, most) }),
});

/**
 * An answer as the payload of an RPC. The values of an action's that is too long are cut to one length, the longest that fits, so
 * that short ones stay whole; each that was cut says by how much.
 */
export const payloadOf = (answer: unknown): string => {
  if (!isAction(answer) || sizeOf(answer) <= longestAnswer) return JSON.stringify(answer);
  let fits: unknown = null;
  let least = 0;
  let most = longestAnswer;
  while (least <= most) {
    const middle = (least + most) >> 1;
    const candidate = withValues(answer, middle);
    if (sizeOf(candidate) <= longestAnswer) {
      fits = candidate;
      least = middle + 1;
    } else {
      most = middle - 1;
    }
  }
  if (fits !== null) return JSON.stringify(fits);
  // Names alone are too much.
  return JSON.stringify({ ...answer, outputs: {}, text: '[The answer is too long; its values were left out.]' });
};
