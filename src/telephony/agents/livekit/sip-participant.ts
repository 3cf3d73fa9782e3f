import { createHash } from 'node:crypto';
import type { AgentContext } from '../../../domain/calls/ports.js';
import type { LegConfig } from './leg-config.js';

/** The caller as LiveKit's own SIP service would present it, so that agents written for that find what they look for. */
export type CallerAsParticipant = {
  readonly identity: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
};

/** Headers of carriers that LiveKit turns into attributes without being told (livekit/protocol, sip/participant.go). */
const carrierHeaders: ReadonlyMap<string, string> = new Map([
  ['x-twilio-accountsid', 'sip.twilio.accountSid'],
  ['x-twilio-callsid', 'sip.twilio.callSid'],
  ['x-call_leg_id', 'sip.telnyx.callLegID'],
  ['x-call_session_id', 'sip.telnyx.callSessionID'],
  ['x-amzn-connectcontactid', 'sip.amazon.contactId'],
  ['x-amzn-connectinitialcontactid', 'sip.amazon.initialContactId'],
  ['x-amzn-sourceaccount', 'sip.amazon.sourceAccount'],
  ['x-amzn-sourcearn', 'sip.amazon.sourceArn'],
  ['x-amzn-targetarn', 'sip.amazon.targetArn'],
]);

type Caller = Pick<
  AgentContext,
  'sessionId' | 'orgId' | 'agentId' | 'caller' | 'called' | 'sipCallId' | 'direction' | 'headers' | 'remote'
>;

const masked = (number: string): string => number.replace(/\d(?=\d{4})/g, 'X');

const who = (call: Pick<Caller, 'caller'>, hide: boolean): { readonly identity: string; readonly name: string } => {
  const number = call.caller.withheld ? null : call.caller.e164;
  if (number === null) return { identity: 'sip_anonymous', name: 'Phone anonymous' };
  if (!hide) return { identity: `sip_${number}`, name: `Phone ${number}` };
  const digest = createHash('sha256').update(number).digest('hex').slice(0, 8);
  return { identity: `sip_${digest}`, name: `Phone ${masked(number)}` };
};

/** `sip.callID` of a session: LiveKit's form, the same whenever it is asked for. */
export const livekitCallId = (sessionId: string): string => `SCL_${sessionId.replaceAll('-', '').slice(0, 12)}`;

/** `sip.trunkID`: what `sip_trunk_id` of LiveKit's SIP API takes here, so that an agent calls on for whom it was called. */
const trunkId = ({ orgId, agentId }: Pick<AgentContext, 'orgId' | 'agentId'>): string => `${orgId}/${agentId}`;

export const callerAsParticipant = (
  call: Caller,
  config: Pick<LegConfig, 'hideNumber' | 'includeHeaders' | 'headerAttributes' | 'attributes'>,
): CallerAsParticipant => {
  const attributes: Record<string, string> = { ...config.attributes };
  const wanted = new Map(Object.entries(config.headerAttributes).map(([name, to]) => [name.toLowerCase(), to]));
  for (const [name, value] of call.headers) {
    const known = carrierHeaders.get(name) ?? wanted.get(name);
    if (known !== undefined) attributes[known] = value;
    const listed = config.includeHeaders === 'all' || (config.includeHeaders === 'x' && name.startsWith('x-'));
    if (listed) attributes[`sip.h.${name}`] = value;
  }
  attributes['sip.callID'] = livekitCallId(call.sessionId);
  attributes['sip.callIDFull'] = call.sipCallId;
  attributes['sip.trunkID'] = trunkId(call);
  const tag = call.remote?.tag ?? null;
  if (tag !== null) attributes['sip.callTag'] = tag;
  // Agents take a call with this for an inbound one.
  if (call.direction === 'inbound') attributes['sip.ruleID'] = `SDR_${call.agentId}`;
  if (!config.hideNumber) {
    if (!call.caller.withheld && call.caller.e164 !== null) attributes['sip.phoneNumber'] = call.caller.e164;
    attributes['sip.trunkPhoneNumber'] = call.called;
    if (call.remote !== undefined) attributes['sip.hostname'] = call.remote.host;
  }
  return { ...who(call, config.hideNumber), attributes };
};

/** Somebody we call, as LiveKit's SIP service presents them; the attributes it sets itself nobody else sets. */
export const calleeAsParticipant = (
  call: Pick<AgentContext, 'sessionId' | 'orgId' | 'agentId' | 'caller' | 'called' | 'sipCallId'>,
  wanted: {
    readonly identity: string;
    readonly name: string;
    readonly attributes: Readonly<Record<string, string>>;
    readonly hideNumber: boolean;
  },
): CallerAsParticipant => {
  const number = call.caller.e164 ?? call.caller.raw;
  return {
    identity: wanted.identity === '' ? who(call, wanted.hideNumber).identity : wanted.identity,
    name: wanted.name === '' ? who(call, wanted.hideNumber).name : wanted.name,
    attributes: {
      ...wanted.attributes,
      'sip.callID': livekitCallId(call.sessionId),
      'sip.callIDFull': call.sipCallId,
      'sip.trunkID': trunkId(call),
      'sip.callStatus': 'dialing',
      ...(wanted.hideNumber ? {} : { 'sip.phoneNumber': number, 'sip.trunkPhoneNumber': call.called }),
    },
  };
};
