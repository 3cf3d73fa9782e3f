import type { LadderEntry, LadderView } from './recorder.js';

const COLUMN = 34;
const TIME = 13;

const clockTime = (at: number): string => new Date(at).toISOString().slice(11, 23);

const centred = (text: string, width: number, fill = ' '): string => {
  const cut = text.length > width ? `${text.slice(0, width - 1)}…` : text;
  const left = Math.floor((width - cut.length) / 2);
  return fill.repeat(left) + cut + fill.repeat(width - cut.length - left);
};

const labelOf = (entry: LadderEntry): string =>
  `${entry.label}${entry.sdp ? ' SDP' : ''}${entry.retransmission ? ' (again)' : ''}`;

/** One line with an arrow between the gateway's lifeline and the peer's. */
const arrowLine = (entry: LadderEntry, columns: readonly string[], gateway: number): string => {
  const peer = columns.indexOf(entry.remote);
  const [left, right] = [Math.min(peer, gateway), Math.max(peer, gateway)];
  const towardsRight = entry.direction === 'in' ? peer < gateway : gateway < peer;
  const width = (right - left) * COLUMN - 1;
  const shaft = centred(` ${labelOf(entry)} `, width - 2, '-');
  const arrow = towardsRight ? `-${shaft}>` : `<${shaft}-`;
  let line = ' '.repeat(Math.floor(COLUMN / 2));
  for (let column = 0; column < columns.length; column++) {
    if (column > 0) {
      if (column <= left || column > right) line += ' '.repeat(COLUMN - 1);
      else if (column === left + 1) line += arrow;
    }
    if (column <= left || column >= right) line += '|';
  }
  return `${clockTime(entry.at).padEnd(TIME)}${line.trimEnd()}`;
};

/**
 * A ladder for people: one lifeline for each peer and one for the gateway, time downwards. The first peer (the caller)
 * stands left of the gateway, the others right of it. With `messages` every message follows in full, secrets removed.
 */
export const ladderText = (view: LadderView, options: { readonly messages?: boolean } = {}): string => {
  const peers = [...new Set(view.entries.map((entry) => entry.remote))];
  const [caller, ...others] = peers;
  if (caller === undefined) return `Session ${view.sessionId}: no SIP messages are kept.\n`;
  const columns = [caller, 'gateway', ...others];
  const header = ' '.repeat(TIME) + columns.map((name) => centred(name, COLUMN)).join('');
  const transports = [...new Set(view.entries.map((entry) => `${entry.remote} ${entry.transport}`))];
  const lines = [
    `Session ${view.sessionId}`,
    ...transports.map((line) => `  ${line}`),
    '',
    header.trimEnd(),
    ...view.entries.map((entry) => arrowLine(entry, columns, 1)),
  ];
  if (view.dropped > 0) lines.push('', `${view.dropped} more messages were not kept.`);
  if (options.messages === true) {
    for (const entry of view.entries) {
      const way = entry.direction === 'in' ? `${entry.remote} -> gateway` : `gateway -> ${entry.remote}`;
      lines.push(
        '',
        `${clockTime(entry.at)} ${way} ${entry.transport}`,
        entry.message.replaceAll('\r\n', '\n').trimEnd(),
      );
    }
  }
  return `${lines.join('\n')}\n`;
};
