import { expect, test } from 'vitest';
import { manualClock } from '../../core/manual-clock.js';
import { type Pacer, pacer } from './pacer.js';

const setUp = (maxCatchUp = 5) => {
  const clock = manualClock();
  const errors: unknown[] = [];
  const wheel: Pacer = pacer({ clock, frameMs: 20, phases: 4, maxCatchUp, onError: (error) => errors.push(error) });
  return { clock, wheel, errors };
};

test('a member is called every 20 ms, fifty thousand times without drift', () => {
  const { clock, wheel } = setUp();
  const moments: number[] = [];
  wheel.add({
    tick: (now) => {
      moments.push(now);
      return 0;
    },
  });
  for (let ms = 0; ms < 1_000_000; ms += 7) clock.advance(7);
  expect(moments.length).toBe(50_001);
  expect(moments.every((now, i) => now === moments[0]! + i * 20)).toBe(true);
});

test('members are spread over the slots of a frame', () => {
  const { clock, wheel } = setUp();
  const perMoment = new Map<number, number>();
  for (let i = 0; i < 400; i += 1) {
    wheel.add({
      tick: (now) => {
        perMoment.set(now, (perMoment.get(now) ?? 0) + 1);
        return 0;
      },
    });
  }
  clock.advance(19);
  expect([...perMoment]).toEqual([
    [0, 100],
    [5, 100],
    [10, 100],
    [15, 100],
  ]);
});

test('a late thread makes up what it missed, with the moments at which it was due', () => {
  const { wheel } = setUp();
  wheel.stop();
  let time = 0;
  let fire: () => void = () => {};
  const late = pacer({
    clock: {
      now: () => time,
      monotonic: () => time,
      after: (_ms, fn) => {
        fire = fn;
        return { cancel: () => {} };
      },
    },
    frameMs: 20,
    phases: 4,
    maxCatchUp: 5,
    onError: () => {},
  });
  const moments: number[] = [];
  late.add({
    tick: (now) => {
      moments.push(now);
      return 0;
    },
  });
  fire();
  time = 85;
  fire();
  expect(moments).toEqual([0, 20, 40, 60, 80]);
  time = 1_000;
  fire();
  expect(moments.slice(5)).toEqual([900, 920, 940, 960, 980, 1_000]);
  expect(late.skipped).toBeGreaterThan(0);
});

test('a member that throws is reported and the others are called', () => {
  const { clock, wheel, errors } = setUp();
  let calls = 0;
  for (let i = 0; i < 4; i += 1)
    wheel.add({
      tick: () => {
        calls += 1;
        return 0;
      },
    });
  wheel.add({
    tick: () => {
      throw new Error('broken');
    },
  });
  for (let i = 0; i < 4; i += 1)
    wheel.add({
      tick: () => {
        calls += 1;
        return 0;
      },
    });
  clock.advance(59);
  expect(calls).toBe(24);
  expect(errors.length).toBe(3);
});

test('the timer stops with the last member, also when it leaves and another joins within a tick', () => {
  const { clock, wheel } = setUp();
  let second = 0;
  let secondLeaves: () => void = () => {};
  const seat = wheel.add({
    tick: () => {
      seat.leave();
      secondLeaves = wheel.add({
        tick: () => {
          second += 1;
          return 0;
        },
      }).leave;
      return 0;
    },
  });
  clock.advance(100);
  expect(second).toBeGreaterThan(3);
  secondLeaves();
  secondLeaves();
  expect(wheel.members).toBe(0);
  expect(clock.pending()).toBe(0);
});

test('a member that rests is left alone for so many frames, or until it is woken', () => {
  const { clock, wheel } = setUp();
  const moments: number[] = [];
  const seat = wheel.add({
    tick: (now) => {
      moments.push(now);
      return 3;
    },
  });
  clock.advance(170);
  expect(moments).toEqual([0, 80, 160]);
  seat.wake();
  clock.advance(20);
  expect(moments).toEqual([0, 80, 160, 180]);
  seat.leave();
  seat.wake();
  clock.advance(200);
  expect(moments.length).toBe(4);
});
