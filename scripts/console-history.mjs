// A day of calls that have ended, as the store has them, for the pictures of the console: people, durations and ends that
// could be those of a shop's support line.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLogger } from '../dist/src/core/logger.js';
import { createDeadLetters } from '../dist/src/platform/events/index.js';
import { connectRedis, orgPrefix } from '../dist/src/platform/redis/index.js';
import { seedCrowd } from '../dist/test/support/crowd.js';
import { seededRandom } from '../dist/test/support/seeded-random.js';

const people = [
  ['+14155550171', 'Mary Jackson'],
  ['+14155550118', 'Annie Easley'],
  ['+12125550139', 'Edsger Dijkstra'],
  ['+442079460321', 'Tim Lee'],
  ['+14155550155', null],
  ['+13125550107', 'Barbara Liskov'],
  ['+14155550190', 'Radia Perlman'],
  ['+442079460077', 'Stephanie Shirley'],
  ['+16175550162', 'Shafi Goldwasser'],
  ['+14155550128', 'Frances Allen'],
  ['+12065550144', null],
  ['+17185550111', 'Lynn Conway'],
];
/** How a call ended, how often of twenty, and between how many seconds it lasted. */
const ends = [
  ['caller-hangup', 8, 40, 420],
  ['destination-hangup', 6, 150, 900],
  ['agent-hangup', 3, 35, 160],
  ['cancelled', 1, 4, 12],
  ['no-media', 1, 20, 20],
  ['api-hangup', 1, 60, 300],
];
const deck = ends.flatMap(([reason, times, least, most]) => Array.from({ length: times }, () => [reason, least, most]));

const withRedis = async (dataDir, work) => {
  const [, socketPath = ''] = (await readFile(join(dataDir, 'redis', 'server.pid'), 'utf8')).split('\n');
  const redis = connectRedis({ socketPath, log: silentLogger });
  try {
    await redis.ready(10_000);
    return await work(redis);
  } finally {
    redis.close();
  }
};

/** `count` ended calls of an organization, the newest one some minutes ago. */
export const seedHistory = async ({ dataDir, orgId, count }) => {
  await seedCrowd({ dataDir, orgId, live: 0, ended: count });
  const random = seededRandom(7);
  const pick = (list) => list[Math.floor(random() * list.length)];
  await withRedis(dataDir, async (redis) => {
    let at = Date.now() - 4 * 60_000;
    for (let i = 1; i <= count; i += 1) {
      const hex = i.toString(16);
      const id = `${hex.padStart(8, '0')}-0000-4000-8000-${hex.padStart(12, '0')}`;
      const key = `${orgPrefix(orgId)}session:${id}`;
      const [number, display] = pick(people);
      const [reason, least, most] = pick(deck);
      const seconds = Math.round(least + random() * (most - least));
      at -= Math.round((120 + random() * 900) * 1_000);
      const ended = Math.min(Date.now() - 60_000, at + seconds * 1_000);
      const sales = random() < 0.3;
      const fields = {
        caller: JSON.stringify({ e164: number, raw: number, display, withheld: false }),
        callerE164: number,
        called: sales ? '+14155550142' : '+14155550100',
        agentId: sales ? 'sales' : 'support',
        startedAt: at,
        answeredAt: at + 400,
        endedAt: ended,
        endReason: reason,
        zendeskTicketId: 35_430 - i,
      };
      await redis.command('HSET', key, ...Object.entries(fields).flat());
      if (reason === 'cancelled') await redis.command('HDEL', key, 'answeredAt', 'zendeskTicketId');
      await redis.command('ZADD', `${orgPrefix(orgId)}by-time`, at, id);
    }
  });
};

/** A webhook that a receiver did not take for a day. */
export const seedDeadLetter = ({ dataDir, orgId, endpointId, sessionId }) =>
  withRedis(dataDir, (redis) =>
    createDeadLetters(redis).add(
      orgId,
      {
        ...{ deliveryId: '3f9c2d4e-5b1a-4c7e-9a51-0d6f2b8e7c11', endpointId, event: 'phone_call.ended', sessionId },
        ...{ at: Date.now() - 9 * 3_600_000, data: '{}' },
      },
      Date.now() - 25 * 60_000,
      'it answered 503',
    ),
  );
