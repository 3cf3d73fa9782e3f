import { AccessToken } from 'livekit-server-sdk';
import { expect, it } from 'vitest';
import { silentLogger } from '../../core/logger.js';
import { manualClock } from '../../core/manual-clock.js';
import type { RawRequest } from '../http/route.js';
import { type LiveKitSip, livekitRoutes } from './routes.js';

const keys = { apiKey: 'key', apiSecret: 'a secret of thirty-two characters' };

const facade = async () => {
  const clock = manualClock(Date.now());
  const sip: LiveKitSip = {
    transfer: async () => ({ id: 't', outcome: 'connected', sipStatus: 200, reason: 'OK', hint: null }) as never,
    create: async () => ({ answered: true, participantId: 'p', identity: 'i', sipCallId: 'c' }),
    move: async () => {},
    organizationOf: async (trunk) => (trunk === '' ? null : trunk),
  };
  const create = livekitRoutes({ clock, log: silentLogger }, { sip, keys }).find(({ path }) =>
    path.endsWith('CreateSIPParticipant'),
  );
  const token = new AccessToken(keys.apiKey, keys.apiSecret);
  token.addSIPGrant({ call: true });
  const headers = { authorization: `Bearer ${await token.toJwt()}`, 'content-type': 'application/json' };
  return async (more: Readonly<Record<string, string>>): Promise<number | undefined> => {
    const body = Buffer.from(JSON.stringify({ room_name: 'r', sip_call_to: '+14155550188', ...more }));
    const request = { headers, requestId: '', log: silentLogger, params: {}, query: {}, body, target: '' };
    return (await create?.run(request as unknown as RawRequest))?.status;
  };
};

it('an organization out of hand takes no room from the others, and all together have a limit', async () => {
  const ask = await facade();
  const times = (count: number, trunk: string) =>
    Promise.all(Array.from({ length: count }, () => ask({ sip_trunk_id: trunk })));
  expect(new Set(await times(75, 'acme'))).toEqual(new Set([200]));
  expect(await ask({ sip_trunk_id: 'acme' })).toBe(429);
  for (const other of ['b', 'c', 'd']) expect(new Set(await times(75, other)), other).toEqual(new Set([200]));
  expect(await ask({ sip_trunk_id: 'e' })).toBe(429);
});

it('takes no name or number of any length: they come back in answers and log lines', async () => {
  const ask = await facade();
  const endless = 'eyJ-'.repeat(4_000);
  const fields = ['sip_trunk_id', 'sip_number', 'participant_identity', 'participant_name', 'dtmf', 'sip_call_to'];
  for (const field of fields) expect(await ask({ [field]: endless }), field).toBe(400);
});
