/** One SIP message as the gateway's recorder has it. */
export type LadderEntry = {
  /** ms since the epoch. */
  readonly at: number;
  readonly direction: 'in' | 'out';
  readonly transport: string;
  readonly remote: string;
  readonly label: string;
  readonly startLine: string;
  readonly request: boolean;
  readonly sdp: boolean;
  readonly retransmission: boolean;
  readonly message: string;
};

export type Ladder = { readonly entries: readonly LadderEntry[]; readonly dropped: number };

export type Arrow = { readonly entry: LadderEntry; readonly from: number; readonly to: number };

/** Lifelines from left to right, and arrows between them by their place in that list. */
export type Layout = { readonly lanes: readonly string[]; readonly arrows: readonly Arrow[] };

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

const entryOf = (value: unknown): LadderEntry | null => {
  if (!isObject(value) || typeof value.at !== 'number') return null;
  const text = (name: string): string => (typeof value[name] === 'string' ? value[name] : '');
  return {
    at: value.at,
    direction: value.direction === 'out' ? 'out' : 'in',
    ...{ transport: text('transport'), remote: text('remote'), label: text('label') },
    ...{ startLine: text('startLine'), message: text('message') },
    ...{ request: value.request === true, sdp: value.sdp === true, retransmission: value.retransmission === true },
  };
};

/** The ladder in an answer of the API; null when it is none. */
export const ladderOf = (value: unknown): Ladder | null => {
  if (!isObject(value) || !Array.isArray(value.entries)) return null;
  const entries = value.entries.map(entryOf).filter((entry) => entry !== null);
  return { entries, dropped: typeof value.dropped === 'number' ? value.dropped : 0 };
};

/** The first peer stands left of the gateway, later ones right of it in the order in which they come. */
export const layoutLadder = (entries: readonly LadderEntry[]): Layout => {
  const [first, ...others] = new Set(entries.map(({ remote }) => remote));
  const lanes = first === undefined ? ['gateway'] : [first, 'gateway', ...others];
  const arrows = entries.map((entry) => {
    const peer = lanes.indexOf(entry.remote);
    return entry.direction === 'in' ? { entry, from: peer, to: 1 } : { entry, from: 1, to: peer };
  });
  return { lanes, arrows };
};
