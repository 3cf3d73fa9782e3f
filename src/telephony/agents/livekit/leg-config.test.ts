import { describe, expect, it } from 'vitest';
import { legFaults, legSchema } from './leg-config.js';
import { roomName } from './room-name.js';
import { callerAsParticipant } from './sip-participant.js';

const leg = { type: 'livekit', agentName: 'receptionist' };

describe('the leg of a LiveKit agent', () => {
  it('needs a name and has a default for everything else', () => {
    expect(legFaults(leg)).toEqual([]);
    expect(legSchema.parse(leg)).toMatchObject({
      ...{ room: 'call-{session}', answer: 'when-ready', readyWithin: null, hideNumber: false },
      onLost: { neverJoined: 'destination', left: 'destination', removed: 'hangup', roomDeleted: 'hangup' },
    });
  });

  it.each([
    [{ agentName: '' }, 'agentName must not be empty'],
    [{ room: 'one-for-all' }, 'room must contain {session}: each call has a room of its own'],
    [{ room: '{session}-{x}' }, 'room has no {x}; there are {session}, {organization}, {agent}, {caller}, {called}'],
    [{ answer: 'later' }, 'answer must be when-ready or at-once'],
    [{ readyWithin: 0 }, 'readyWithin must be at least 1 second'],
    [{ onLost: { left: 'cry' } }, 'onLost.left must be destination, message or hangup'],
    [{ onLost: { gone: 'hangup' } }, 'onLost.gone is not a known field'],
    [
      { attributes: { 'sip.phoneNumber': '+1' } },
      'attributes["sip.phoneNumber"] is an attribute the gateway sets itself',
    ],
    [{ headerAttributes: { From: 'x' } }, 'headerAttributes.From must be an X- header'],
    [{ metadata: { voiceGateway: {} } }, 'metadata.voiceGateway is the gateway’s own'],
    [{ colour: 'blue' }, 'colour is not a known field'],
  ])('%j: %s', (part, fault) => {
    expect(legFaults({ ...leg, ...part }).map(({ path, message }) => `${path} ${message}`)).toEqual([fault]);
  });
});

describe('the room of a call', () => {
  it('is named by the rule', () => {
    const facts = { session: 's1', organization: 'acme', agent: 'support', caller: '+1415', called: '+1416' };
    expect(roomName('{organization}/{agent}-{session}', facts)).toBe('acme/support-s1');
  });
});

describe('the caller as a participant', () => {
  const call = {
    ...{ sessionId: '0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d', orgId: 'acme', agentId: 'support', sipCallId: 'id@host' },
    caller: { e164: '+14155550123', raw: '', display: null, withheld: false },
    called: '+14155550100',
    direction: 'inbound' as const,
    headers: new Map([
      ['x-account', '42'],
      ['x-twilio-callsid', 'CA1'],
      ['x-amzn-connectcontactid', 'C-1'],
      ['user-to-user', 'abc'],
    ]),
    remote: { host: 'carrier.test', tag: 't1' },
  };
  const config = { hideNumber: false, includeHeaders: 'none', headerAttributes: {}, attributes: {} } as const;

  it('has headers where the leg wants them, and those of carriers that LiveKit knows always', () => {
    const none = callerAsParticipant(call, config).attributes;
    expect(none).toMatchObject({ 'sip.twilio.callSid': 'CA1', 'sip.callID': 'SCL_0a1b2c3d4e5f', 'sip.callTag': 't1' });
    expect(none).toMatchObject({ 'sip.trunkID': 'acme/support', 'sip.amazon.contactId': 'C-1' });
    expect(Object.keys(none).filter((name) => name.startsWith('sip.h.'))).toEqual([]);
    const x = callerAsParticipant(call, { ...config, includeHeaders: 'x' }).attributes;
    expect(x).toMatchObject({ 'sip.h.x-account': '42' });
    expect(x).not.toHaveProperty('sip.h.user-to-user');
    expect(callerAsParticipant(call, { ...config, includeHeaders: 'all' }).attributes).toHaveProperty(
      'sip.h.user-to-user',
    );
    const mapped = callerAsParticipant(call, { ...config, headerAttributes: { 'X-Account': 'account' } }).attributes;
    expect(mapped).toMatchObject({ account: '42' });
  });

  it('keeps a withheld number from everybody', () => {
    const caller = { ...call.caller, withheld: true };
    const { identity, name, attributes } = callerAsParticipant({ ...call, caller }, config);
    expect([identity, name]).toEqual(['sip_anonymous', 'Phone anonymous']);
    expect(JSON.stringify(attributes)).not.toContain('5550123');
  });
});
