import { GatewayError } from '../../../core/errors.js';
import type { ReferOptions, ReferResult } from '../../../domain/calls/ports.js';
import type { SipRequest, SipResponse } from '../connection/messages.js';
import { plainText } from '../request-view.js';
import { type DialogContext, transact } from './context.js';
import { parseSipfrag } from './sipfrag.js';

/** REFERs of ours and what the peer's NOTIFYs say of them (RFC 3515). */
export type Refers = {
  send(referTo: string, headers: Readonly<Record<string, string>>, options: ReferOptions): Promise<ReferResult>;
  /** A NOTIFY arrived in the dialog; it is answered here. */
  receiveNotify(request: SipRequest): void;
};

type Tracked = {
  /** CSeq number of the REFER: the `id` of its NOTIFYs when the dialog has several (section 2.4.6). */
  cseq: string | null;
  progress(status: number, reason: string, last: boolean): void;
};

export const createRefers = (context: DialogContext): Refers => {
  const tracked: Tracked[] = [];

  const send: Refers['send'] = (referTo, headers, options) =>
    new Promise((resolve, reject) => {
      let accepted = 0;
      let last: { status: number; reason: string } | null = null;
      let open = true;
      const finish = (reason: string | null): void => {
        if (!open) return;
        open = false;
        timer.cancel();
        context.over.remove(onOver);
        options.signal?.removeEventListener('abort', onAbort);
        tracked.splice(tracked.indexOf(entry), 1);
        const final = last !== null && last.status >= 200 ? last.status : null;
        // A NOTIFY that overtook the 202 tells as much: nobody reports on a REFER that was declined.
        const taken = accepted === 0 && last !== null ? 202 : accepted;
        resolve({ accepted: taken, final, reason: reason ?? last?.reason ?? null });
      };
      const onOver = (): void => finish('the dialog ended before the outcome was reported');
      const onAbort = (): void => finish('given up');
      const entry: Tracked = {
        cseq: null,
        progress: (status, reason, terminated) => {
          last = { status, reason };
          options.onProgress?.(status);
          if (status >= 200 || terminated) finish(null);
        },
      };
      // Tracked before it is sent: a quick peer's NOTIFY may overtake its own 202 (section 2.4.4).
      tracked.push(entry);
      const timer = context.clock.after(options.timeout, () => finish('no outcome was reported in time'));
      context.over.add(onOver);
      options.signal?.addEventListener('abort', onAbort);
      if (context.over.aborted) return onOver();
      if (options.signal?.aborted === true) return onAbort();
      const onFinal = (response: SipResponse): void => {
        accepted = response.status;
        entry.cseq = /^\s*(\d+)/.exec(response.header('cseq') ?? '')?.[1] ?? null;
        if (response.status < 300) return;
        last = null;
        finish(plainText(response.reason));
      };
      transact(context, { method: 'REFER', headers: { ...headers, 'Refer-To': referTo }, onFinal }).catch((error) => {
        if (!open) return;
        // Rejected before `finish` resolves: the first one counts.
        reject(error);
        finish(null);
      });
    });

  const receiveNotify = (request: SipRequest) => {
    const respond = (status: number): void => void request.respond(status).catch(() => {});
    const [event = '', ...params] = (request.header('event') ?? request.header('o') ?? '').split(';');
    if (event.trim().toLowerCase() !== 'refer') return respond(489);
    const id = params.map((param) => /^\s*id\s*=\s*(\d+)\s*$/i.exec(param)?.[1]).find((found) => found !== undefined);
    const entry = tracked.find((candidate) => id === undefined || candidate.cseq === null || candidate.cseq === id);
    if (entry === undefined) return respond(481);
    respond(200);
    const fragment = parseSipfrag(request.body);
    const terminated = /^\s*terminated\b/i.test(request.header('subscription-state') ?? '');
    if (fragment !== null) entry.progress(fragment.status, plainText(fragment.reason), terminated);
    else if (terminated) entry.progress(100, 'the subscription ended without an outcome', true);
  };

  return {
    send: (referTo, headers, options) =>
      /[\r\n<>]/.test(referTo.replace(/^<(.*)>$/, '$1'))
        ? Promise.reject(new GatewayError('bad_request', 'The Refer-To value is no URI.'))
        : send(referTo.startsWith('<') ? referTo : `<${referTo}>`, headers, options),
    receiveNotify,
  };
};
