/** A gateway, a caller on it and what both sides of a transfer hear: for the transfer suites and the benches. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Dialog, DialogEnd } from '../../src/domain/calls/ports.js';
import { startGateway, type TestGateway, type TestGatewayOptions } from './gateway.js';
import { givenRelayEnvironment } from './given-relay.js';
import { givenServer, givenServerEnvironment } from './given-server.js';
import { sine } from './goertzel.js';
import { wavFile } from './media.js';
import { organization } from './organization.js';
import { type RtpPeer, rtpPeer } from './rtp-peer.js';
import { type SipApplication, startSipApplication } from './sip-application.js';
import { until } from './until.js';

/** Every option at its default: what a document leaves out stays as the test before has set it. */
export const plainDestination = {
  profile: null,
  trunk: null,
  method: 'invite',
  callerId: null,
  headers: {},
  secureMedia: false,
  holdAudio: null,
  ringTimeout: 30,
  onFailure: 'return',
  next: null,
  returnWithin: 0,
} as const;

/** Tones of the prompts `agent.wav` and `short.wav`, of `hold.wav` and `whisper.wav`, Hz. */
export const agentTone = 1_300;
export const holdTone = 1_700;
export const whisperTone = 2_200;

export const callerNumber = '+14155550123';
export const dialled = '+14155550100';

export type Session = {
  readonly id: string;
  readonly status: string;
  readonly endReason: string | null;
  readonly zendeskTicketId: string | null;
  readonly contactId: string | null;
  readonly attempts: number;
  readonly transfer: Readonly<Record<string, unknown>> | null;
  readonly timeline: readonly { at: string; type: string; data: Readonly<Record<string, unknown>> }[];
};

export type Caller = {
  readonly sessionId: string;
  readonly phone: RtpPeer;
  readonly dialog: Dialog;
  /** Settles when the gateway has hung up. */
  readonly ended: Promise<DialogEnd>;
  readonly endedBy: () => DialogEnd | null;
  /** INFOs received in the call. */
  readonly infos: readonly { readonly contentType: string; readonly body: string }[];
  session(): Promise<Session>;
  /** Waits until the session satisfies the test. */
  until(what: string, fits: (session: Session) => boolean, timeout?: number): Promise<Session>;
  transfer(
    body: unknown,
    options?: { wait?: boolean; key?: string },
  ): Promise<{ status: number; body: Readonly<Record<string, unknown>> }>;
};

export type TransferRig = {
  readonly gateway: TestGateway;
  readonly application: SipApplication;
  /** Where the gateway takes calls. */
  readonly sipAddress: string;
  /** Sessions that have not ended, newest first. */
  liveSessions(): Promise<readonly { readonly id: string; readonly status: string }[]>;
  /** The phones of all calls so far, those that are being placed too. */
  readonly phones: readonly RtpPeer[];
  /** Sets the one organization up with this script and these destinations. */
  setUp(
    steps: readonly unknown[],
    destinations: readonly unknown[],
    agent?: Readonly<Record<string, unknown>>,
  ): Promise<void>;
  call(options?: {
    readonly from?: string;
    readonly display?: string;
    readonly codec?: 'PCMU' | 'PCMA';
    /** ms. */
    readonly ringTimeout?: number;
  }): Promise<Caller>;
  close(): Promise<void>;
};

export const startTransferRig = async (options: TestGatewayOptions = {}): Promise<TransferRig> => {
  const [gateway, application] = await Promise.all([
    startGateway({ ...options, env: { ...givenServerEnvironment(), ...givenRelayEnvironment(), ...options.env } }),
    startSipApplication({ alwaysEmbedded: true }),
  ]);
  const target = givenServer()?.sipAddress ?? `127.0.0.1:${gateway.sipPort}`;
  writeFileSync(join(gateway.dataDir, 'prompts', 'agent.wav'), wavFile(sine(agentTone, 60_000), 8_000));
  writeFileSync(join(gateway.dataDir, 'prompts', 'short.wav'), wavFile(sine(agentTone, 200), 8_000));
  writeFileSync(join(gateway.dataDir, 'prompts', 'whisper.wav'), wavFile(sine(whisperTone, 400), 8_000));
  writeFileSync(join(gateway.dataDir, 'prompts', 'hold.wav'), wavFile(sine(holdTone, 4_000), 8_000));
  const phones: RtpPeer[] = [];
  // A call whose session was not found would be taken for the next one: while Redis is away for a moment, this waits.
  const listed = (): Promise<readonly { readonly id: string; readonly status: string }[]> =>
    until('the live sessions', async () => {
      const { status, body } = await gateway.api('/v1/sessions?live=true');
      if (status === 503) return null;
      if (status !== 200) throw new Error(`live sessions: ${status} ${JSON.stringify(body)}`);
      return (body as { items: { id: string; status: string }[] }).items;
    });
  return {
    ...{ gateway, application, phones, liveSessions: listed },
    sipAddress: target,
    setUp: (steps, destinations, agent = {}) =>
      gateway.apply(
        organization(steps, {
          agents: [
            {
              id: 'support',
              name: 'Support',
              leg: { type: 'builtin', script: { steps } },
              transferDestinations: destinations.map((destination) => (destination as { id: string }).id),
              ...agent,
            },
          ],
          transferDestinations: destinations,
        }),
      ),
    async call({ from = callerNumber, display, codec = 'PCMU', ringTimeout = 10_000 } = {}) {
      const phone = await rtpPeer({ codec });
      phones.push(phone);
      let endedBy: DialogEnd | null = null;
      const infos: { contentType: string; body: string }[] = [];
      let onEnded: (end: DialogEnd) => void = () => {};
      const ended = new Promise<DialogEnd>((resolve) => {
        onEnded = resolve;
      });
      const before = new Set((await listed()).map(({ id }) => id));
      const result = await application.server.place({
        uri: `sip:${dialled}@${target}`,
        profile: 'local',
        from: { user: from, display: display ?? null, privacy: false },
        headers: {},
        offer: phone.sdp(),
        ringTimeout,
        events: {
          ended: (end) => {
            endedBy = end;
            onEnded(end);
          },
          offered: async (offer) => {
            if (offer !== null) phone.accept(offer);
            return phone.sdp();
          },
          info: (contentType, body) => infos.push({ contentType, body }),
        },
      });
      if (result.outcome !== 'answered') throw new Error(`the gateway did not answer: ${JSON.stringify(result)}`);
      phone.accept(result.sdp);
      const found = await until('the session of the call', async () => {
        const known = await listed();
        return known.find(({ id, status }) => !before.has(id) && status !== 'ringing')?.id ?? null;
      });
      const read = async (): Promise<Session> => (await gateway.api(`/v1/sessions/${found}`)).body as Session;
      return {
        sessionId: found,
        phone,
        dialog: result.dialog,
        ended,
        endedBy: () => endedBy,
        infos,
        session: read,
        until: (what, fits, timeout) =>
          until(
            what,
            async () => {
              const session = await read();
              return fits(session) ? session : null;
            },
            timeout,
          ),
        transfer: async (body, { wait = false, key } = {}) => {
          const reply = await gateway.api(`/v1/sessions/${found}/transfer${wait ? '?wait=1' : ''}`, {
            method: 'POST',
            body,
            ...(key === undefined ? {} : { headers: { 'idempotency-key': key } }),
          });
          return { status: reply.status, body: reply.body as Readonly<Record<string, unknown>> };
        },
      };
    },
    close: async () => {
      await Promise.all(phones.map((phone) => phone.close()));
      await application.close();
      await gateway.stop();
    },
  };
};
