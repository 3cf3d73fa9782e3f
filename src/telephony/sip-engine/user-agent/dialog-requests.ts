import { emptyBody } from '../compose.js';
import type { Dialog } from '../dialogs/dialog.js';
import type { CdrReason } from '../drachtio/cdr.js';
import { timeOfDay, unsolicitedLeader } from '../drachtio/deliveries.js';
import { newBranch } from '../identifiers.js';
import type { ParsedSip, SipHeader, SipRequest, SipResponse } from '../message.js';
import { serialize } from '../serializer.js';
import type { Flow, Target, TransportName } from '../transport.js';
import type { SentMessage } from './attempt.js';
import { ClientRequest, type RequestPath } from './client-request.js';
import type { EngineContext } from './context.js';
import { hostPort } from './identity.js';

/** The way of a request in this dialog whose next hop is known. */
export const dialogPath = (dialog: Dialog, nextHop: string): RequestPath => ({
  uri: nextHop,
  flow: dialog.useFlow ? dialog.flow : undefined,
});

/** Sends a request of the engine's own in a dialog (a BYE or a refresh); `onFinal` gets undefined when nobody answered. */
export const sendOwnRequest = (
  ctx: EngineContext,
  dialog: Dialog,
  method: string,
  options: {
    headers?: readonly SipHeader[];
    body?: Buffer;
    onFinal?: (response: ParsedSip<SipResponse> | undefined, flow: Flow | undefined) => void;
  } = {},
): SentMessage | undefined => {
  const request = dialog.compose(method, options.headers ?? [], options.body ?? emptyBody);
  const client = new ClientRequest(ctx, request, dialogPath(dialog, request.nextHop), {
    onResponse: (response, flow) => {
      if (response.message.status >= 200) options.onFinal?.(response, flow);
    },
    onFailure: () => options.onFinal?.(undefined, undefined),
  });
  const problem = client.start();
  if (problem !== undefined) options.onFinal?.(undefined, undefined);
  return client.sent;
};

/**
 * Ends a dialog by a BYE of the engine's own and tells the application after the fact. `reason` is the text of the
 * Reason header, which the application shows as the cause.
 */
export const endDialog = (ctx: EngineContext, dialog: Dialog, reason: string, cdr: CdrReason): void => {
  if (dialog.state === 'terminated') return;
  const header = { name: 'Reason', value: `SIP;cause=200;text="${reason}"` };
  const sent = sendOwnRequest(ctx, dialog, 'BYE', { headers: [header] });
  dialog.terminate();
  if (!sent) return;
  dialog.owner.send(unsolicitedLeader(sent.bytes.length, dialog.flow, timeOfDay(ctx.clock), dialog.id), sent.bytes);
  ctx.cdr.stop('application', cdr, () => sent.bytes);
};

/**
 * Sends the ACK of a 2xx: a request of its own with a new branch, sent again whenever the 2xx comes again (RFC 3261
 * 13.2.2.4).
 */
export const sendAck = (
  ctx: EngineContext,
  dialog: Dialog,
  seq: number,
  headers: readonly SipHeader[],
  body: Buffer,
): SentMessage | string => {
  const ack = dialog.compose('ACK', headers, body, seq);
  const transport = ctx.transport();
  const render = (name: TransportName, address: string, port: number): SentMessage | undefined => {
    const own = ctx.identity.towards(name, address);
    if (!own) return undefined;
    const via = { name: 'Via', value: `SIP/2.0/${name.toUpperCase()} ${hostPort(own)};branch=${newBranch()};rport` };
    const request: SipRequest = { kind: 'request', method: 'ACK', uri: ack.uri, headers: [via, ...ack.headers], body };
    return { bytes: serialize(request), request, transport: name, address, port };
  };
  const resolved = ctx.resolve(ack.nextHop);
  if (dialog.useFlow) {
    const { flow } = dialog;
    const sent = render(flow.transport, flow.remoteAddress, flow.remotePort);
    if (!sent) return 'requested protocol/transport not available';
    const fallback = Array.isArray(resolved) ? resolved[0] : undefined;
    const resend = (): void => transport.sendOn(flow, sent.bytes, fallback);
    dialog.lastAck = { seq, resend };
    resend();
    return sent;
  }
  if (typeof resolved === 'string') return resolved;
  const sendTo = (target: Target | undefined): SentMessage | string => {
    const sent = target && render(target.transport, target.address, target.port);
    if (!target || !sent) return 'requested protocol/transport not available';
    const resend = (): void => {
      // The peer repeats its 2xx when this is lost, and that repeats the ACK.
      transport.sendRequest(target, () => sent.bytes).catch(() => undefined);
    };
    dialog.lastAck = { seq, resend };
    resend();
    return sent;
  };
  if (Array.isArray(resolved)) return sendTo(resolved[0]);
  dialog.lastAck = { seq, resend: () => undefined };
  resolved.then(
    (targets) => void (typeof targets === 'string' ? targets : sendTo(targets[0])),
    () => undefined,
  );
  const [local] = transport.local;
  return (local && render(local.transport, '', 0)) ?? 'requested protocol/transport not available';
};
