import { describe, expect, it } from 'vitest';
import { type InviteEnd, outcomeOf } from './outcomes.js';

const context = { cancelledBy: 'cancelled', allowListed: false, egressAddress: '192.0.2.7' } as const;
const end = (change: Partial<InviteEnd>): InviteEnd => ({
  status: null,
  reason: 'Reason',
  local: false,
  gaveUp: null,
  ...change,
});
const peer = (status: number) => end({ status });

describe('how an INVITE ended, as an outcome', () => {
  it.each([
    [peer(486), 'busy'],
    [peer(600), 'busy'],
    [peer(480), 'no-answer'],
    [peer(408), 'no-answer'],
    [end({ status: 487, gaveUp: 'timeout' }), 'no-answer'],
    [end({ gaveUp: 'timeout' }), 'no-answer'],
    [end({ status: 486, gaveUp: 'timeout' }), 'busy'],
    [peer(603), 'declined'],
    [peer(607), 'declined'],
    [end({ status: 408, local: true }), 'unreachable'],
    [end({ status: 408, local: true, gaveUp: 'timeout' }), 'unreachable'],
    [end({ status: 503, local: true }), 'unreachable'],
    [end({ local: true, gaveUp: 'timeout' }), 'unreachable'],
    [peer(500), 'unreachable'],
    [peer(502), 'unreachable'],
    [peer(503), 'unreachable'],
    [peer(504), 'unreachable'],
    [peer(301), 'rejected'],
    [peer(302), 'rejected'],
    [peer(401), 'rejected'],
    [peer(407), 'rejected'],
    [peer(403), 'rejected'],
    [peer(404), 'rejected'],
    [peer(484), 'rejected'],
    [peer(488), 'rejected'],
    [peer(487), 'rejected'],
    [peer(604), 'rejected'],
    [peer(606), 'rejected'],
    [end({ gaveUp: 'aborted' }), 'cancelled'],
    [end({ status: 486, gaveUp: 'aborted' }), 'cancelled'],
    [peer(501), 'failed'],
    [peer(513), 'failed'],
    [peer(608), 'failed'],
    [end({ status: 481, local: true }), 'failed'],
    [end({}), 'failed'],
  ])('%j is %s', (ended, outcome) => {
    const failure = outcomeOf(ended, context);
    expect(failure.outcome).toBe(outcome);
    expect(failure.sipStatus).toBe(ended.status);
    expect(failure.reason).not.toBe('');
  });

  it('says that the caller hung up when it was them', () => {
    const failure = outcomeOf(end({ gaveUp: 'aborted' }), { ...context, cancelledBy: 'caller-hung-up' });
    expect(failure.outcome).toBe('caller-hung-up');
  });

  it.each([[peer(403)], [end({ status: 408, local: true })], [end({ local: true, gaveUp: 'timeout' })]])(
    'names the address for the allow-list of a Zendesk or Twilio line: %j',
    (ended) => {
      expect(outcomeOf(ended, { ...context, allowListed: true }).hint).toContain('192.0.2.7');
      expect(outcomeOf(ended, { ...context, allowListed: true }).hint).toContain('allowed IP ranges');
    },
  );

  it.each([
    [401, 'credentials'],
    [302, 'redirect'],
    [488, 'Codecs'],
    [404, 'does not exist'],
    [403, 'allowed addresses'],
  ])('gives a hint for %i', (status, words) => {
    expect(outcomeOf(peer(status), context).hint).toContain(words);
  });

  it('gives no hint where nothing is wrong with the set-up', () => {
    for (const status of [486, 480, 603]) expect(outcomeOf(peer(status), context).hint).toBeNull();
  });
});
