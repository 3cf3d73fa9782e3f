import { expect, it } from 'vitest';
import { planCall } from './call-plan.js';
import type { DestinationView } from './views.js';

const destination: DestinationView = {
  ...{ id: 'd', name: 'D', type: 'phone', value: '+12025550101', profile: null, trunk: 'sip:user@trunk.example:5070' },
  ...{ method: 'refer', callerId: 'caller', headers: { 'X-A': '1' }, secureMedia: false, ringTimeout: 12 },
  ...{ onFailure: 'return', next: null, returnWithin: 0 },
};
const input = {
  ...{ sessionId: 's', agentId: 'a', number: '+14155550100', destination, host: 'gw.example' },
  ...{ profile: { assertedIdentity: true, ticketHeaders: ['X-Case'] }, headers: { 'X-B': '2' } },
};

it('calls in our own name through the trunk, by INVITE whatever the method for transfers', () => {
  expect(planCall(input)).toEqual({
    target: 'sip:+12025550101@trunk.example:5070',
    from: '<sip:+14155550100@gw.example>',
    headers: {
      ...{ 'X-OPENCX-SESSION-ID': 's', 'X-OPENCX-AGENT-ID': 'a', 'X-A': '1', 'X-B': '2' },
      'P-Asserted-Identity': '<sip:+14155550100@gw.example>',
    },
    dropped: [],
    ringTimeout: 12_000,
  });
});

it('needs a trunk for a number, and takes a URI as it is', () => {
  expect(planCall({ ...input, destination: { ...destination, trunk: null } })).toBeNull();
  const sip = { ...destination, type: 'sip', value: 'sip:line@pbx.example', trunk: null } as const;
  expect(planCall({ ...input, destination: sip })?.target).toBe('sip:line@pbx.example');
});

it('drops what would steer the call or cannot be sent, and says so', () => {
  const steering = { 'P-Asserted-Identity': '<sip:+1@x>', 'X-OPENCX-AGENT-ID': 'other' };
  const headers = { ...steering, 'x-case': '1', 'X-C': 'a\r\nb' };
  const plan = planCall({ ...input, headers, profile: { ...input.profile, assertedIdentity: false } });
  expect(plan?.headers).toEqual({ 'X-OPENCX-SESSION-ID': 's', 'X-OPENCX-AGENT-ID': 'a', 'X-A': '1' });
  expect(plan?.dropped.map(({ reason }) => reason)).toEqual(['reserved', 'reserved', 'reserved', 'not-printable']);
});
