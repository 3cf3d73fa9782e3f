import { field, hasToken } from '../compose.js';
import type { Owner } from '../drachtio/application.js';
import type { EngineClock } from '../engine-clock.js';
import { parseNameAddrList } from '../header-values.js';
import type { ParsedSip, SipMessage, SipRequest, SipResponse } from '../message.js';
import type { Flow } from '../transport.js';
import { Dialog } from './dialog.js';
import { isBehindNat, leadsBack } from './nat.js';
import { routeSetOf } from './route-set.js';

/** The URI of the first Contact, or undefined when there is none. */
export const contactUri = (message: SipMessage): string | undefined => {
  const value = field(message, 'Contact');
  return value === undefined || value === '*' ? undefined : parseNameAddrList(value)?.[0]?.uri;
};

type Common = { clock: EngineClock; id: string; owner: Owner; flow: Flow; localContact: string };

/** The dialog a response of the network makes on our side as UAC (RFC 3261 12.1.2). */
export const dialogOfResponse = (request: SipRequest, response: ParsedSip<SipResponse>, common: Common): Dialog => {
  const routeSet = routeSetOf(response.message, 'uac');
  const contact = contactUri(response.message);
  const dialog = new Dialog(common.clock, {
    id: common.id,
    owner: common.owner,
    flow: common.flow,
    localContact: common.localContact,
    role: 'uac',
    method: request.method,
    callId: response.callId,
    localTag: response.fromTag,
    remoteTag: response.toTag,
    localUri: field(request, 'From') ?? '',
    remoteUri: field(response.message, 'To') ?? '',
    localSeq: response.cseq.number,
    remoteSeq: undefined,
    routeSet,
    remoteTarget: contact ?? request.uri,
    useFlow: isBehindNat(routeSet, contact, common.flow) || leadsBack(routeSet, contact, common.flow, 'uac'),
  });
  dialog.peerAllowsUpdate = hasToken(response.message, 'Allow', 'update');
  return dialog;
};

/** The dialog a request of the network makes on our side as UAS, with the tag we answer it with (12.1.1). */
export const dialogOfRequest = (
  request: ParsedSip<SipRequest>,
  toTag: string,
  toValue: string,
  common: Common,
): Dialog => {
  const routeSet = routeSetOf(request.message, 'uas');
  const contact = contactUri(request.message);
  const { flow } = common;
  const dialog = new Dialog(common.clock, {
    id: common.id,
    owner: common.owner,
    flow: common.flow,
    localContact: common.localContact,
    role: 'uas',
    method: request.message.method,
    callId: request.callId,
    localTag: toTag,
    remoteTag: request.fromTag,
    localUri: toValue,
    remoteUri: field(request.message, 'From') ?? '',
    localSeq: 0,
    remoteSeq: request.cseq.number,
    routeSet,
    remoteTarget: contact ?? request.from.uri,
    // A peer that connected to us cannot be expected to accept connections at its Contact.
    useFlow:
      isBehindNat(routeSet, contact, flow) ||
      leadsBack(routeSet, contact, flow, 'uas') ||
      (flow.transport !== 'udp' && routeSet.length === 0),
  });
  dialog.peerAllowsUpdate = hasToken(request.message, 'Allow', 'update');
  return dialog;
};
