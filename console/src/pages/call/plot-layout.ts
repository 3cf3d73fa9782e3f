/** One measurement of a leg, as the gateway has it. */
export type Point = {
  readonly at: number;
  readonly mos: number | null;
  readonly jitterMs: number;
  readonly lossPercent: number;
  readonly roundTripMs: number | null;
  /** What the other side has not had of ours; null or, from an older instance, missing: it has not said. */
  readonly remoteLossPercent?: number | null;
};

/** What a MOS axis runs over: the scale of ITU-T G.107. */
const [lowest, highest] = [1, 4.5];

/** The path of a line through the points that have a MOS, broken where one has none; in a box of `width` and `height`. */
export const linePath = (
  points: readonly Point[],
  span: { readonly from: number; readonly to: number },
  box: { readonly width: number; readonly height: number },
): string => {
  const length = Math.max(1, span.to - span.from);
  let pen = 'M';
  return points
    .flatMap(({ at, mos }) => {
      if (mos === null) {
        pen = 'M';
        return [];
      }
      const x = ((at - span.from) / length) * box.width;
      const y = box.height - ((mos - lowest) / (highest - lowest)) * box.height;
      const step = `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
      pen = 'L';
      return [step];
    })
    .join(' ');
};

/** What is to be said of a leg in words. */
export const summaryOf = (points: readonly Point[]) => {
  const scores = points.flatMap(({ mos }) => (mos === null ? [] : [mos]));
  const last = points.at(-1);
  return {
    now: scores.at(-1) ?? null,
    worst: scores.length === 0 ? null : Math.min(...scores),
    jitterMs: last?.jitterMs ?? 0,
    roundTripMs: last?.roundTripMs ?? null,
    mostRemoteLost: Math.max(0, ...points.map(({ remoteLossPercent }) => remoteLossPercent ?? 0)),
    mostLost: Math.max(0, ...points.map(({ lossPercent }) => lossPercent)),
  };
};
