import { expect, test } from 'vitest';
import { manualClock } from '../../core/manual-clock.js';
import { portPool } from './port-pool.js';

const pool = (first: number, last: number, drainMs = 5_000) => {
  const clock = manualClock();
  return { clock, pool: portPool({ first, last, drainMs, clock }) };
};

test('every pair of an even and an odd port of the range is given out once', () => {
  const { pool: ports } = pool(20_000, 20_007);
  expect([ports.take(), ports.take(), ports.take(), ports.take(), ports.take()]).toEqual([
    20_000,
    20_002,
    20_004,
    20_006,
    null,
  ]);
  expect(ports.taken()).toBe(4);
});

test('an odd first port is rounded up and a last even port without its odd neighbour is left out', () => {
  const { pool: ports } = pool(20_001, 20_006);
  expect([ports.take(), ports.take(), ports.take()]).toEqual([20_002, 20_004, null]);
});

test('a range without a pair is empty', () => {
  expect(pool(20_001, 20_002).pool.take()).toBeNull();
  expect(pool(20_001, 20_002).pool.free()).toBe(0);
});

test('a released port rests for the drain time', () => {
  const { pool: ports, clock } = pool(20_000, 20_001);
  ports.release(ports.take() as number);
  expect(ports.take()).toBeNull();
  clock.advance(4_999);
  expect(ports.free()).toBe(0);
  clock.advance(1);
  expect(ports.free()).toBe(1);
  expect(ports.take()).toBe(20_000);
});

test('the port that has been free the longest comes first', () => {
  const { pool: ports, clock } = pool(20_000, 20_005, 0);
  const first = ports.take() as number;
  ports.release(first);
  clock.advance(1);
  expect(ports.take()).toBe(20_002);
  expect(ports.take()).toBe(20_004);
  expect(ports.take()).toBe(first);
});

test('releasing twice, or a port that was never taken, changes nothing', () => {
  const { pool: ports, clock } = pool(20_000, 20_003, 0);
  const port = ports.take() as number;
  ports.release(port);
  ports.release(port);
  ports.release(30_000);
  clock.advance(1);
  expect(ports.free()).toBe(2);
  expect([ports.take(), ports.take(), ports.take()]).toEqual([20_002, 20_000, null]);
});

test('a hundred thousand calls on a small range leave it as it was', () => {
  const { pool: ports, clock } = pool(20_000, 20_009, 10);
  for (let call = 0; call < 100_000; call += 1) {
    const port = ports.take();
    if (port !== null) ports.release(port);
    clock.advance(3);
  }
  clock.advance(10);
  expect(ports.free()).toBe(5);
  expect(ports.taken()).toBe(0);
});
