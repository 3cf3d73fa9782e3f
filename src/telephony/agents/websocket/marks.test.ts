import { expect, it } from 'vitest';
import { manualClock } from '../../../core/manual-clock.js';
import { createMarks } from './marks.js';

const setUp = () => {
  const clock = manualClock();
  const leg = { queued: 0 };
  const seen: string[] = [];
  const marks = createMarks({
    clock,
    queued: () => leg.queued,
    reached: (name, playedMs, cleared) => seen.push(`${name} ${playedMs}${cleared ? ' cleared' : ''}`),
  });
  const send = (ms: number): void => {
    leg.queued += ms;
    marks.sent(ms);
  };
  const play = (ms: number): void => {
    leg.queued = Math.max(0, leg.queued - ms);
    clock.advance(ms);
  };
  return { marks, seen, send, play, leg };
};

it('a mark comes back when what was sent before it has been played', () => {
  const { marks, seen, send, play } = setUp();
  marks.set('at once');
  send(100);
  marks.set('a');
  send(50);
  marks.set('b');
  play(90);
  expect(seen).toEqual(['at once 0']);
  play(20);
  play(40);
  expect(seen).toEqual(['at once 0', 'a 110', 'b 150']);
});

it('clearing gives back what waits, and says what had been played', () => {
  const { marks, seen, send, play, leg } = setUp();
  send(1_000);
  marks.set('said');
  play(300);
  expect(marks.clear()).toBe(700);
  leg.queued = 0;
  expect(seen).toEqual(['said 300 cleared']);
  expect(marks.played()).toBe(300);
  send(100);
  marks.set('more');
  play(110);
  expect(seen.at(-1)).toBe('more 400');
});
