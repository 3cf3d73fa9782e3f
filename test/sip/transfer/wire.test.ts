import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/core/logger.js';
import { connectRedis } from '../../../src/platform/redis/index.js';
import { hasProgram } from '../../support/given-program.js';
import { type Kamailio, startKamailio } from '../../support/kamailio.js';
import { onDrachtioServer } from '../../support/sip-application.js';
import { refusing, startLine } from '../../support/sip-in-line.js';
import {
  type Caller,
  callerNumber,
  dialled,
  plainDestination,
  startTransferRig,
  type TransferRig,
} from '../../support/transfer-rig.js';

const judging = ['sipp', ...(hasProgram('kamailio', 'kamailio') ? ['kamailio'] : [])];

let rig: TransferRig;
let edge: Kamailio | null = null;
let caller: Caller | null = null;

beforeAll(async () => {
  [rig, edge] = await Promise.all([startTransferRig(), judging.includes('kamailio') ? startKamailio() : null]);
  await rig.setUp([{ play: 'agent.wav' }], []);
  await rig.gateway.apply({ organization: { id: 'acme', zendesk: { subdomain: 'acme' } } });
});
afterAll(async () => {
  await rig.close();
  await edge?.stop();
});
afterEach(async () => {
  await caller?.dialog.bye();
  await caller?.until('its end', (session) => session.status === 'ended');
  caller = null;
});

/** A line that refuses every call, and the INVITE it received, byte for byte. */
type Judge = { readonly port: number; invite(): Promise<string>; stop(): Promise<unknown> };
const judges: Readonly<Record<string, () => Promise<Judge>>> = {
  sipp: async () => {
    const line = await startLine(refusing('486 Busy Here'), { transport: 'tcp' });
    return {
      port: line.port,
      invite: async () => {
        const { code, invites } = await line.done;
        expect(code).toBe(0);
        return invites[0]?.text ?? '';
      },
      stop: line.stop,
    };
  },
  kamailio: async () => {
    if (edge === null) throw new Error('kamailio is not on this machine');
    const { port, invites, invite } = edge;
    const before = invites().length;
    return {
      port,
      invite: async () => (await invite(before + 1)).toString('latin1'),
      stop: async () => {},
    };
  },
};

/** Changes the stored session behind the gateway's back, as no door of it would. */
const write = async (sessionId: string, field: string, value: string): Promise<void> => {
  const [, socketPath = ''] = readFileSync(join(rig.gateway.dataDir, 'redis', 'server.pid'), 'utf8').split('\n');
  const redis = connectRedis({ socketPath, log: silentLogger });
  await redis.ready(5_000);
  await redis.command('HSET', `vg:{acme}:session:${sessionId}`, field, value);
  await redis.close();
};

const stamp = async (ticketId: string, phone = callerNumber): Promise<void> => {
  const { body } = await rig.gateway.api('/backend/zendesk-v2/voice-prefetch-url');
  const { webhookUrl } = body as { webhookUrl: string };
  const answer = await fetch(rig.gateway.httpUrl + new URL(webhookUrl).pathname, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ticket_id: ticketId, caller_phone: phone }),
  });
  expect(await answer.json()).toMatchObject({ success: true });
};

type Case = {
  readonly call?: Parameters<TransferRig['call']>[0];
  readonly destination?: Readonly<Record<string, unknown>>;
  readonly before?: (sessionId: string) => Promise<void>;
  readonly body?: Readonly<Record<string, unknown>>;
};

const received = async (name: string, { call, destination, before, body }: Case) => {
  const judge = await (judges[name] as () => Promise<Judge>)();
  try {
    await rig.setUp(
      [{ play: 'agent.wav' }],
      [
        {
          ...plainDestination,
          ...{ id: 'line', name: 'Line', type: 'sip', profile: 'zendesk-sip-in' },
          ...{ value: `sip:support@127.0.0.1:${judge.port}` },
          ...(destination?.type === 'phone' ? { trunk: `sip:127.0.0.1:${judge.port};transport=tcp` } : {}),
          ...destination,
        },
      ],
    );
    caller = await rig.call(call);
    await before?.(caller.sessionId);
    const answer = await caller.transfer({ destination: 'line', ...body }, { wait: true });
    expect(answer.body).toMatchObject({ outcome: 'busy' });
    const session = await caller.until('the record', ({ transfer }) => transfer?.state === 'done');
    return { text: await judge.invite(), session, attempt: answer.body, port: judge.port };
  } finally {
    await judge.stop();
  }
};

/** Everything that differs from call to call, by what it is. */
const volatile: readonly (readonly [RegExp, string])[] = [
  [/;branch=z9hG4bK[0-9a-f]+/g, ';branch=<branch>'],
  [/;tag=[0-9a-f]+/g, ';tag=<tag>'],
  [/^Call-ID: [\w-]+$/m, 'Call-ID: <call-id>'],
  [/^CSeq: \d+ /m, 'CSeq: <n> '],
  [/^o=- \d+ 1 /m, 'o=- <n> 1 '],
  [/^m=audio \d+ /m, 'm=audio <port> '],
];

/** Every line of the INVITE, in order. */
const wholeInvite = (target: string, from: string, headers: readonly string[]): readonly string[] => {
  const host = `127.0.0.1:${rig.gateway.sipPort}`;
  return [
    `INVITE ${target} SIP/2.0`,
    `Via: SIP/2.0/TCP ${host};branch=<branch>;rport`,
    'Max-Forwards: 70',
    `From: <sip:${from}@${host}>;tag=<tag>`,
    `To: <${target}>`,
    'Call-ID: <call-id>',
    'CSeq: <n> INVITE',
    ...headers,
    'Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY',
    'Supported: timer',
    'Session-Expires: 1800',
    'Min-SE: 90',
    'Content-Type: application/sdp',
    `Contact: <sip:${host};transport=tcp>`,
    'User-Agent: voice-gateway',
    'Content-Length: 240',
    '',
    'v=0',
    'o=- <n> 1 IN IP4 127.0.0.1',
    's=-',
    'c=IN IP4 127.0.0.1',
    't=0 0',
    'm=audio <port> RTP/AVP 0 8 101',
    'a=rtpmap:0 PCMU/8000',
    'a=rtpmap:8 PCMA/8000',
    'a=rtpmap:101 telephone-event/8000',
    'a=fmtp:101 0-15',
    'a=ptime:20',
    'a=sendrecv',
    'a=rtcp-mux',
  ];
};

const expectWhole = (text: string, expected: readonly string[]): void => {
  let shown = text.trimEnd();
  for (const [pattern, name] of volatile) shown = shown.replace(pattern, name);
  // The length of the body goes with the digits in it, which differ in number.
  const body = text.slice(text.indexOf('\r\n\r\n') + 4).trimEnd();
  expect(text).toContain(`\r\nContent-Length: ${body.length + 2}\r\n`);
  const length = (line: string): string => line.replace(/^Content-Length: \d+$/, 'Content-Length: <n>');
  expect(shown.split('\r\n').map(length)).toEqual(expected.map(length));
};

const common = (sessionId: string): string[] => [
  `X-OPENCX-SESSION-ID: ${sessionId}`,
  'X-OPENCX-AGENT-ID: support',
  'X-OPENCX-TRANSFER: true',
];
const ticket = ['X-OPENCX-ZENDESK-TICKET-ID: 4711', 'X-Zendesk-Ticket-Id: 4711'];
const line = (port: number): string => `sip:support@127.0.0.1:${port};transport=tcp`;
const dropped = (timeline: readonly { type: string; data: Readonly<Record<string, unknown>> }[]) =>
  timeline.filter(({ type }) => type === 'header.dropped').map(({ data }) => [data.name, data.reason]);

// Byte for byte as the embedded engine writes it; drachtio-server has an order and forms of its own.
describe.skipIf(onDrachtioServer).each(judging)('the INVITE as %s receives it', (judge) => {
  it('of a SIP destination with ticket and contact', async () => {
    const { text, session, attempt, port } = await received(judge, { before: () => stamp('4711') });
    expectWhole(
      text,
      wholeInvite(line(port), callerNumber, [
        ...common(session.id),
        ...ticket,
        `X-OPENCX-CONTACT-ID: ${session.contactId}`,
      ]),
    );
    expect(attempt).toMatchObject({ fromReason: 'known', ticketId: '4711', ticketReason: null });
  });

  it('of a SIP destination without a ticket', async () => {
    const { text, session, attempt, port } = await received(judge, {});
    expect(session.contactId).not.toBeNull();
    const headers = [...common(session.id), `X-OPENCX-CONTACT-ID: ${session.contactId}`];
    expectWhole(text, wholeInvite(line(port), callerNumber, headers));
    expect(attempt).toMatchObject({ ticketId: null, ticketReason: 'not-stamped' });
  });

  it('of a SIP destination with a ticket and without a contact', async () => {
    const shared = '+14155550144';
    await rig.gateway.apply({
      organization: { id: 'acme', zendesk: { subdomain: 'acme', sharedNumbers: [shared] } },
    });
    const { text, session, port } = await received(judge, {
      call: { from: shared },
      before: () => stamp('4711', shared),
    });
    expect(session.contactId).toBeNull();
    expectWhole(text, wholeInvite(line(port), shared, [...common(session.id), ...ticket]));
  });

  it('of an anonymous caller', async () => {
    const { text, session, attempt, port } = await received(judge, { call: { from: 'anonymous' } });
    expectWhole(text, wholeInvite(line(port), dialled, common(session.id)));
    expect(attempt).toMatchObject({ fromReason: 'withheld' });
  });

  it('of a telephone number: no ticket, a number of ours as From', async () => {
    const { text, session, attempt, port } = await received(judge, {
      destination: { type: 'phone', value: '+14155550199', profile: 'generic-trunk', callerId: 'called' },
      before: () => stamp('4711'),
    });
    expect(session.zendeskTicketId).toBe('4711');
    const asserted = `P-Asserted-Identity: <sip:${callerNumber}@127.0.0.1:${rig.gateway.sipPort}>`;
    const target = `sip:+14155550199@127.0.0.1:${port};transport=tcp`;
    const headers = [...common(session.id), `X-OPENCX-CONTACT-ID: ${session.contactId}`, asserted];
    expectWhole(text, wholeInvite(target, dialled, headers));
    expect(attempt).toMatchObject({ fromReason: 'rule', ticketId: null, ticketReason: 'phone-destination' });
  });

  it('of a caller with a hostile display name', async () => {
    const { text, session, port } = await received(judge, { call: { display: '"><sip:evil@x>\r\nX-Evil: 1' } });
    const headers = [...common(session.id), `X-OPENCX-CONTACT-ID: ${session.contactId}`];
    expectWhole(text, wholeInvite(line(port), callerNumber, headers));
  });

  const hostile = [
    ['line ends', '1\r\nX-Evil: 1', 'not-printable'],
    ['2 kB', '9'.repeat(2_048), 'too-long'],
    ['UTF-8', 'Zürich-☎', 'not-printable'],
  ] as const;

  it.each(hostile)('of a session whose ticket id has %s', async (_what, value, reason) => {
    const { text, session, attempt, port } = await received(judge, {
      before: (id) => write(id, 'zendeskTicketId', value),
    });
    const headers = [...common(session.id), `X-OPENCX-CONTACT-ID: ${session.contactId}`];
    expectWhole(text, wholeInvite(line(port), callerNumber, headers));
    expect(attempt).toMatchObject({ ticketId: null, ticketReason: 'not-sendable' });
    expect(dropped(session.timeline)).toEqual([
      ['X-OPENCX-ZENDESK-TICKET-ID', reason],
      ['X-Zendesk-Ticket-Id', reason],
    ]);
  });

  it.each(hostile)('of a session whose contact id has %s', async (_what, value, reason) => {
    const { text, session, port } = await received(judge, {
      before: async (id) => {
        await stamp('4711');
        await write(id, 'contactId', value);
      },
    });
    expectWhole(text, wholeInvite(line(port), callerNumber, [...common(session.id), ...ticket]));
    expect(dropped(session.timeline)).toEqual([['X-OPENCX-CONTACT-ID', reason]]);
  });
});
