import { ApiError } from '../../api/client.js';
import { useRead } from '../../api/hooks.js';
import type { TimelineEntry } from '../../app/timeline-words.js';
import { Card, Failure } from '../../ui/elements.js';
import { duration } from '../../ui/time.js';
import { judged, soundWord } from '../live/quality-words.js';
import { linePath, type Point, summaryOf } from './plot-layout.js';

const names: Readonly<Record<string, string>> = { caller: 'Caller', destination: 'Human', agent: 'Agent' };
const nameOf = (leg: string): string => names[leg] ?? leg;
const numberIn = (value: unknown): number | null => (typeof value === 'number' ? value : null);

/** The figures of the end of a call. */
const Final = ({ measured }: { measured: Readonly<Record<string, unknown>> }) => (
  <div className="stack-small">
    {Object.entries(measured).map(([leg, value]) => {
      const quality = typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
      const mos = numberIn(quality.mos);
      const remote = numberIn(quality.remotePacketsLost) ?? 0;
      const [lost, received] = [numberIn(quality.packetsLost) ?? 0, numberIn(quality.packetsReceived) ?? 0];
      return (
        <div className="meter" key={leg}>
          <span>{nameOf(leg)}</span>
          <svg
            viewBox="0 0 100 12"
            preserveAspectRatio="none"
            role="img"
            aria-label={mos === null ? `${nameOf(leg)}: not measured` : `${nameOf(leg)}: MOS ${mos.toFixed(2)} of 4.5`}
          >
            <rect className="track" width="100" height="12" />
            {mos !== null && <rect className={judged(mos)} width={Math.max(2, ((mos - 1) / 3.5) * 100)} height="12" />}
          </svg>
          <span className="number small">
            {mos === null ? 'no MOS' : `${soundWord(mos)}, MOS ${mos.toFixed(2)}`} · {lost} of {received + lost} lost ·{' '}
            {Math.round(numberIn(quality.jitterMs) ?? 0)} ms jitter
            {remote === 0 ? '' : ` · ${remote} of ${numberIn(quality.packetsSent) ?? 0} lost on the way there`}
          </span>
        </div>
      );
    })}
  </div>
);

const box = { width: 560, height: 112 };
const [left, top] = [34, 8];
const y = (mos: number): number => top + box.height - ((mos - 1) / 3.5) * box.height;

type Legs = readonly { readonly leg: string; readonly points: readonly Point[] }[];

const Plot = ({ legs }: { legs: Legs }) => {
  const moments = legs.flatMap(({ points }) => points.map(({ at }) => at));
  const span = { from: Math.min(...moments), to: Math.max(...moments) };
  const said = legs
    .map(({ leg, points }) => {
      const { now, worst } = summaryOf(points);
      return now === null
        ? `${nameOf(leg)}: not measured`
        : `${nameOf(leg)}: MOS ${now.toFixed(2)}, at worst ${worst?.toFixed(2)}`;
    })
    .join('; ');
  return (
    <svg
      className="plot"
      viewBox={`0 0 ${left + box.width + 8} ${top + box.height + 22}`}
      role="img"
      aria-label={`Quality over time. ${said}.`}
    >
      {[1, 2, 3, 4].map((mos) => (
        <g key={mos}>
          <line className={mos === 4 ? 'grid mark' : 'grid'} x1={left} x2={left + box.width} y1={y(mos)} y2={y(mos)} />
          <text x={left - 8} y={y(mos) + 4} textAnchor="end">
            {mos}
          </text>
        </g>
      ))}
      {legs.map(({ leg, points }, index) => (
        <path
          key={leg}
          className={`curve curve-${index}`}
          transform={`translate(${left} ${top})`}
          d={linePath(points, span, box)}
        />
      ))}
      <text x={left} y={top + box.height + 18}>
        0:00
      </text>
      <text x={left + box.width} y={top + box.height + 18} textAnchor="end">
        {duration((span.to - span.from) / 1_000)}
      </text>
    </svg>
  );
};

const Legend = ({ legs }: { legs: Legs }) => (
  <ul className="legend small">
    {legs.map(({ leg, points }, index) => {
      const { now, jitterMs, roundTripMs, mostLost, mostRemoteLost } = summaryOf(points);
      return (
        <li key={leg}>
          <svg className="key" viewBox="0 0 22 8" aria-hidden="true">
            <path className={`curve curve-${index}`} d="M1 4 L21 4" />
          </svg>
          <strong>{nameOf(leg)}</strong>
          <span>
            {now === null ? 'no MOS yet' : `${soundWord(now)}, MOS ${now.toFixed(2)}`} · {Math.round(jitterMs)} ms
            jitter · {mostLost === 0 ? 'nothing lost' : `up to ${mostLost} % lost`}
            {mostRemoteLost === 0 ? '' : ` · up to ${mostRemoteLost} % lost on the way there`}
            {roundTripMs === null ? '' : ` · ${roundTripMs} ms round trip`}
          </span>
        </li>
      );
    })}
  </ul>
);

/** How the call sounds: measured every five seconds while it lives, and as a whole at its end. */
export const Quality = ({ id, live, timeline }: { id: string; live: boolean; timeline: readonly TimelineEntry[] }) => {
  const read = useRead('GET /v1/sessions/{id}/quality', { path: { id } }, live ? { refetchInterval: 5_000 } : {});
  const legs = read.data?.legs.filter(({ points }) => points.length > 0) ?? [];
  const measured = timeline.findLast(({ type }) => type === 'media.quality')?.data;
  const missing = read.error instanceof ApiError && read.error.status === 404;
  return (
    <Card title="Audio quality">
      <div className="stack">
        {!missing && <Failure error={read.error} />}
        {legs.length > 0 && (
          <>
            <Plot legs={legs} />
            <Legend legs={legs} />
          </>
        )}
        {measured !== undefined && <Final measured={measured} />}
        {measured === undefined && legs.length === 0 && (
          <p className="muted">{live ? 'The first measurement comes after five seconds.' : 'Nothing was measured.'}</p>
        )}
      </div>
    </Card>
  );
};
