import { expect, it } from 'vitest';
import { type LadderEntry, ladderOf, layoutLadder } from './ladder-layout.js';

const entry = (direction: 'in' | 'out', remote: string, at: number): LadderEntry => ({
  ...{ direction, remote, at, transport: 'udp', label: 'INVITE', startLine: '', message: '' },
  ...{ request: true, sdp: false, retransmission: false },
});

it('has the caller left of the gateway and others right of it, whoever speaks', () => {
  const { lanes, arrows } = layoutLadder([
    entry('in', 'a', 1),
    entry('out', 'b', 2),
    entry('in', 'b', 3),
    entry('out', 'a', 4),
  ]);
  expect(lanes).toEqual(['a', 'gateway', 'b']);
  expect(arrows.map(({ from, to }) => [from, to])).toEqual([
    [0, 1],
    [1, 2],
    [2, 1],
    [1, 0],
  ]);
});

it('takes no ladder from what is none, and leaves out entries that are none', () => {
  expect(ladderOf(null)).toBeNull();
  expect(ladderOf({ entries: 'x' })).toBeNull();
  expect(ladderOf({ entries: [1, {}, { at: 5, label: '<b>' }] })?.entries).toMatchObject([
    { at: 5, label: '<b>', direction: 'in' },
  ]);
  expect(layoutLadder([])).toEqual({ lanes: ['gateway'], arrows: [] });
});
