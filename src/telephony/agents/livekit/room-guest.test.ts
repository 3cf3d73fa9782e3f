import { expect, it } from 'vitest';
import { systemClock } from '../../../core/clock.js';
import { deferred } from '../../../core/deferred.js';
import { silentLogger } from '../../../core/logger.js';
import type { AgentContext } from '../../../domain/calls/ports.js';
import { roomGuest } from './room-guest.js';
import type { RoomLeg, RoomRequest, Rooms } from './rooms.js';

const guest = { room: 'r', identity: 'g', name: '', metadata: '', attributes: {}, hideNumber: false };

const setUp = async () => {
  const told: unknown[] = [];
  const leg = {
    setMuted: () => {},
    setAttributes: (attributes: unknown) => told.push(attributes),
  } as unknown as RoomLeg;
  const join = async ({ participant }: RoomRequest) => {
    told.push(participant.attributes);
    return leg;
  };
  const rang = deferred<void>();
  const answered = deferred<void>();
  const context = {
    ...{ sessionId: crypto.randomUUID(), orgId: 'acme', agentId: 'support', called: '+1', sipCallId: 'c' },
    caller: { e164: '+14155550123', raw: '', display: null, withheld: false },
    ...{ rang: rang.promise, answered: answered.promise, signal: new AbortController().signal, log: silentLogger },
  } as unknown as AgentContext;
  await roomGuest({ join } as unknown as Rooms, guest, systemClock).adapter.start(context, { left: () => {} });
  return { told, rang, answered };
};

it('somebody who is called into a room is dialled there, rings and is active', async () => {
  const { told, rang, answered } = await setUp();
  expect(told).toEqual([expect.objectContaining({ 'sip.callStatus': 'dialing', 'sip.trunkID': 'acme/support' })]);
  rang.resolve();
  await rang.promise;
  answered.resolve();
  await answered.promise;
  expect(told.slice(1)).toEqual([{ 'sip.callStatus': 'ringing' }, { 'sip.callStatus': 'active' }]);
});

it('a telephone that rings after it was answered is active all the same', async () => {
  const { told, rang, answered } = await setUp();
  answered.resolve();
  await answered.promise;
  rang.resolve();
  await rang.promise;
  expect(told.slice(1)).toEqual([{ 'sip.callStatus': 'active' }]);
});
