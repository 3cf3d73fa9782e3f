import { type KeyboardEvent, type RefObject, useEffect, useRef, useState } from 'react';
import { addressOf } from '../../api/client.js';
import { useRead } from '../../api/hooks.js';
import { Breakable } from '../../ui/breakable.js';
import { Card, Failure, Loading } from '../../ui/elements.js';
import { timeOfDay } from '../../ui/time.js';
import { type Arrow, type LadderEntry, ladderOf, layoutLadder } from './ladder-layout.js';
import { sinceBeginning } from './moments.js';

/** Measures of the drawing in pixels. Lifelines of a usual call fit into the frame; with more of them it scrolls. */
type Measures = { readonly left: number; readonly lane: number; readonly narrow: boolean };
const row = 34;
const head = 52;

const measuresFor = (width: number, count: number): Measures => {
  const narrow = width < 480;
  const left = narrow ? 58 : 96;
  return { left, narrow, lane: Math.max(narrow ? 84 : 152, Math.min(260, (width - 2 - left) / count)) };
};

const Head = ({ x, name, bottom }: { x: number; name: string; bottom: number }) => {
  // Address above port: side by side they are broader than a lane of a phone.
  const [, address = name, port = null] = /^(.+)(:\d+)$/.exec(name) ?? [];
  return (
    <g>
      <line className="lifeline" x1={x} x2={x} y1={head - 12} y2={bottom} />
      <text className="lane" x={x} y={port === null ? head - 26 : head - 34} textAnchor="middle">
        {address}
      </text>
      {port !== null && (
        <text className="port" x={x} y={head - 19} textAnchor="middle">
          {port}
        </text>
      )}
    </g>
  );
};

const textOf = ({ label, sdp, retransmission }: LadderEntry): string =>
  `${label}${sdp ? ' SDP' : ''}${retransmission ? ' ↻' : ''}`;
/** Without the method that a response answers, which its arrow and its neighbours tell. */
const shortTextOf = (entry: LadderEntry): string =>
  textOf({ ...entry, label: entry.label.replace(/ \([A-Z]+\)$/, '') });

/** An arrow in words; begins with what is written at it, so that who speaks to the page can name it. */
const say = (written: string, { entry, from, to }: Arrow, lanes: readonly string[]): string =>
  `${written}, from ${lanes[from]} to ${lanes[to]}${entry.retransmission ? ', sent again' : ''}`;

type StepProps = {
  readonly arrow: Arrow;
  readonly lanes: readonly string[];
  readonly index: number;
  readonly measures: Measures;
  /** ms since the epoch: when the first message came. */
  readonly first: number;
  readonly chosen: boolean;
  readonly onChoose: () => void;
};

const Step = ({ arrow, lanes, index, measures, first, chosen, onChoose }: StepProps) => {
  const { entry } = arrow;
  const { left, lane, narrow } = measures;
  const y = head + row * (index + 0.7);
  const [from, to] = [left + lane * (arrow.from + 0.5), left + lane * (arrow.to + 0.5)];
  const sign = to > from ? 1 : -1;
  const time = narrow ? sinceBeginning(entry.at - first) : timeOfDay(entry.at);
  const label = narrow ? shortTextOf(entry) : textOf(entry);
  const failed = !entry.request && /^[456]/.test(entry.label);
  const kind = failed ? 'failed' : entry.request ? 'request' : 'answer';
  return (
    <a
      href={`#message-${index}`}
      aria-label={say(`${time} ${label}`, arrow, lanes)}
      aria-current={chosen ? 'true' : undefined}
      className={`step ${kind}${entry.retransmission ? ' again' : ''}${chosen ? ' chosen' : ''}`}
      onClick={(event) => {
        event.preventDefault();
        onChoose();
      }}
    >
      <rect x={0} y={y - row * 0.72} width={left + lane * lanes.length} height={row} />
      <text className="at" x={8} y={y + 4}>
        {time}
      </text>
      <line x1={from} x2={to - sign * 9} y1={y} y2={y} />
      <path d={`M ${to} ${y} l ${-sign * 10} -5 v 10 z`} />
      <text className="label" x={(from + to) / 2} y={y - 6} textAnchor="middle">
        {/* The space keeps time and message apart for those who are read the text. */}
        {` ${label}`}
      </text>
    </a>
  );
};

/** The width of an element that the page gives it, px; that of a desktop until it is known. */
const useWidth = (of: RefObject<HTMLElement | null>): number => {
  const [width, setWidth] = useState(566);
  useEffect(() => {
    if (of.current === null) return;
    const watcher = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 566)));
    watcher.observe(of.current);
    return () => watcher.disconnect();
  }, [of]);
  return width;
};

const Drawing = ({
  entries,
  chosen,
  onChoose,
}: {
  entries: readonly LadderEntry[];
  chosen: number;
  onChoose: (index: number) => void;
}) => {
  const { lanes, arrows } = layoutLadder(entries);
  const frame = useRef<HTMLElement>(null);
  const measures = measuresFor(useWidth(frame), lanes.length);
  const { left, lane, narrow } = measures;
  const [width, height] = [left + lane * lanes.length, head + row * (arrows.length + 0.6)];
  const step = (event: KeyboardEvent): void => {
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(arrows.length - 1, chosen + by));
    onChoose(next);
    event.currentTarget.querySelectorAll<SVGAElement>('a.step')[next]?.focus();
  };
  return (
    // Scrolled by keyboard as well; the arrows walk along the messages.
    <section className="ladder-frame" aria-label="SIP messages" onKeyDown={step} tabIndex={-1} ref={frame}>
      <svg
        className={narrow ? 'ladder narrow' : 'ladder'}
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        aria-label="Ladder of SIP messages"
      >
        {lanes.map((name, index) => (
          <Head key={name} x={left + lane * (index + 0.5)} name={name} bottom={height} />
        ))}
        {arrows.map((arrow, index) => (
          <Step
            // biome-ignore lint/suspicious/noArrayIndexKey: messages are only added, at the end.
            key={index}
            {...{ arrow, lanes, index, measures }}
            first={entries[0]?.at ?? 0}
            chosen={index === chosen}
            onChoose={() => onChoose(index)}
          />
        ))}
      </svg>
    </section>
  );
};

/** The SIP messages of a call: lifelines, arrows and times; a message is read by choosing its arrow. */
export const LadderCard = ({ id }: { id: string }) => {
  const read = useRead('GET /v1/sessions/{id}/ladder', { path: { id } });
  const [chosen, setChosen] = useState(0);
  const ladder = ladderOf(read.data);
  const entry = ladder?.entries[chosen];
  const download = (format: 'json' | 'text'): string =>
    addressOf('GET /v1/sessions/{id}/ladder', { path: { id }, query: { format } });
  const links = ladder !== null && (
    <span className="row small">
      <a href={download('text')} download={`${id}.txt`}>
        Ladder as text
      </a>
      <a href={download('json')} download={`${id}.json`}>
        Messages as JSON
      </a>
      <a href={addressOf('GET /v1/sessions/{id}/pcap', { path: { id } })} download={`${id}.pcap`}>
        Capture for Wireshark
      </a>
    </span>
  );
  return (
    <Card title="SIP ladder" aside={links}>
      {read.isPending && <Loading />}
      {read.error !== null && ladder === null && <Failure error={read.error} />}
      {ladder !== null && (
        <div className="ladder-split">
          <Drawing entries={ladder.entries} chosen={chosen} onChoose={setChosen} />
          {entry !== undefined && (
            <div className="stack-small">
              <h3 className="break">
                <Breakable of={entry.startLine} />
              </h3>
              <p className="muted small">
                {timeOfDay(entry.at)}, {entry.direction === 'in' ? 'from' : 'to'} {entry.remote} by{' '}
                {entry.transport.toUpperCase()}
                {entry.retransmission ? ', sent again' : ''}. Credentials and keys are hidden.
              </p>
              <pre
                className="message"
                // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and a keyboard must be able to.
                tabIndex={0}
              >
                {entry.message}
              </pre>
            </div>
          )}
        </div>
      )}
      {ladder !== null && ladder.dropped > 0 && (
        <p className="muted small">{ladder.dropped} messages in the middle were not kept.</p>
      )}
    </Card>
  );
};
