import { expect, it } from 'vitest';
import { keyQueue } from './key-queue.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const setUp = () => {
  const sent: string[] = [];
  const losses: string[] = [];
  let finish: () => void = () => {};
  let fail: () => void = () => {};
  const keys = keyQueue(
    (digits) => {
      sent.push(digits);
      return new Promise((resolve, reject) => {
        finish = resolve;
        fail = () => reject(new Error('the leg is closed'));
      });
    },
    (reason) => losses.push(reason),
  );
  const press = (digits: string): void => {
    for (const digit of digits) keys.press(digit);
  };
  return {
    ...{ sent, losses, press },
    done: async () => {
      finish();
      await settled();
    },
    failed: async () => {
      fail();
      await settled();
    },
  };
};

it('sends the first key at once and those that come meanwhile together, all of them and in order', async () => {
  const { sent, losses, press, done } = setUp();
  const number = '0123456789*#ABCD0123456789*#ABCD01234567';
  press(number);
  expect(sent).toEqual(['0']);
  await done();
  expect(sent.join('')).toBe(number);
  await done();
  press('9');
  expect(sent.at(-1)).toBe('9');
  expect(losses).toEqual([]);
});

it('keeps no more than a telephone can take, and says once that keys were lost', async () => {
  const { sent, losses, press, done } = setUp();
  press('1'.repeat(200));
  for (let round = 0; round < 4; round += 1) await done();
  expect(sent.map(({ length }) => length)).toEqual([1, 64, 16]);
  expect(losses).toHaveLength(1);
});

it('goes on after keys that could not be sent', async () => {
  const { sent, losses, press, failed } = setUp();
  press('123');
  await failed();
  expect([sent, losses]).toEqual([['1'], ['the leg is closed']]);
  press('4');
  expect(sent).toEqual(['1', '4']);
});
