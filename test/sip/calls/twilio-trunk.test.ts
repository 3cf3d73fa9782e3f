import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { packageRoot } from '../../../src/core/entry-path.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { toneLevel } from '../../support/goertzel.js';
import { endedSession, liveSession } from '../../support/listed-sessions.js';
import { hears } from '../../support/listening.js';
import { organization } from '../../support/organization.js';
import { freePort } from '../../support/ports.js';
import { connectRawTls, type RawMessage, type RawPeer, rawReply, startRawPeer } from '../../support/raw-peer.js';
import { rtpPeer } from '../../support/rtp-peer.js';
import { gatewayCertificate, testCa } from '../../support/tls-certificates.js';
import { until } from '../../support/until.js';
import { startBot, type TestBot } from '../../support/ws-bot.js';

/** Twilio's edge and its media, as addresses of loopback: nothing listens at the edge's 5061. */
const [edge, mediaAddress] = ['127.0.0.54', '127.0.0.168'];
const [ours, caller] = ['+14155550100', '+14155550123'];
const accountSid = `AC${'5'.repeat(32)}`;
/** Where the phone behind the edge is, for those inside Twilio's network only. */
const contact = `sip:${caller}@172.25.75.240:5060;transport=udp`;
const credential = { username: 'voice-gateway', password: 'Trunk-Password-1' };

let folder: string;
let gateway: TestGateway;
let bot: TestBot;
let sipPort: number;
let tlsPort: number;

/** The shipped profile, but for the addresses. */
const profileOnLoopback = (): unknown => {
  const shipped = parse(readFileSync(join(packageRoot(import.meta.url), 'sip-profiles/twilio.yaml'), 'utf8'));
  return {
    ...shipped,
    inbound: { ...shipped.inbound, sources: [edge] },
    media: { ...shipped.media, ranges: [mediaAddress] },
    outbound: { ...shipped.outbound, digest: credential, peers: [edge] },
  };
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vg-twilio-'));
  mkdirSync(join(folder, 'profiles'));
  writeFileSync(join(folder, 'profiles', 'twilio.json'), JSON.stringify(profileOnLoopback()));
  writeFileSync(join(folder, 'cert.pem'), gatewayCertificate.cert);
  writeFileSync(join(folder, 'key.pem'), gatewayCertificate.key);
  [sipPort, tlsPort, bot] = [await freePort(), await freePort(), await startBot()];
  gateway = await startGateway({
    dataDir: folder,
    sipPort,
    env: {
      SIP_LISTEN: `udp:127.0.0.1:${sipPort},tls:127.0.0.1:${tlsPort}`,
      SIP_DOMAIN: 'voice.example.com',
      SIP_TLS_CERT: join(folder, 'cert.pem'),
      SIP_TLS_KEY: join(folder, 'key.pem'),
      SIP_PROFILES: join(folder, 'profiles'),
    },
  });
  await gateway.apply(
    organization([], {
      numbers: [{ number: ours, agent: 'support', profile: 'twilio', verified: true }],
      agents: [{ id: 'support', name: 'Support', leg: { type: 'websocket', url: bot.url }, fallback: null }],
    }),
  );
}, 60_000);
afterAll(async () => {
  await gateway?.stop();
  await bot?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Twilio's side of the signalling. */
type Edge = Pick<RawPeer, 'until' | 'close'> & {
  send(text: string): void;
  readonly via: string;
  readonly recordRoutes: readonly string[];
};

const overTls = async (): Promise<Edge> => {
  const peer = await connectRawTls(tlsPort, testCa, edge);
  return {
    ...peer,
    via: `SIP/2.0/TLS ${edge}:5061`,
    recordRoutes: [`<sip:${edge}:5061;transport=tls;r2=on;lr>`, `<sip:${edge};r2=on;lr>`],
  };
};
const overUdp = async (): Promise<Edge> => {
  const peer = await startRawPeer(() => {}, edge);
  return {
    ...peer,
    send: (text) => peer.sendTo(`127.0.0.1:${sipPort}`, text),
    via: `SIP/2.0/UDP ${edge}:${peer.port}`,
    recordRoutes: [`<sip:${edge}:${peer.port};lr;ftag=08601002>`, `<sip:${edge}:${peer.port + 1};lr>`],
  };
};

let serial = 0;
const value = (message: RawMessage, name: string): string => (message.lines(name)[0] ?? '').replace(/^[^:]*:\s*/, '');
const uriOf = (address: string): string => /<([^>]+)>/.exec(address)?.[1] ?? address;
const bodyOf = (message: RawMessage): string => message.text.split('\r\n\r\n')[1] ?? '';

/** A call as Twilio's trunk places it, answered and acknowledged. */
const trunkCall = async (side: Edge, { secure }: { readonly secure: boolean }) => {
  serial += 1;
  const phone = await rtpPeer({ codec: 'PCMU', srtp: secure, address: mediaAddress });
  const callSid = `CA${String(serial).padStart(32, '0')}`;
  const callId = `fb3e6e86a53e3094ed17b4776a69af5${serial}@0.0.0.0`;
  const from = `<sip:${caller}@acme.pstn.twilio.com:5060>;tag=08601002_c3356d0b_${serial}`;
  const to = `<sip:${ours}@voice.example.com${secure ? ';transport=tls' : ''}>`;
  const vias = (branch: string): string[] => [
    `Via: ${side.via};branch=z9hG4bK${branch}.${serial}`,
    `Via: SIP/2.0/UDP 172.25.75.240:5060;rport=5060;branch=z9hG4bK${branch}_${serial}`,
  ];
  const message = (lines: readonly string[], body = ''): string =>
    [...lines, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n');
  const offer = phone.sdp().replace(' 0 101', ' 0 8 101').replace('a=ptime', 'a=rtpmap:8 PCMA/8000\r\na=ptime');
  const target = secure ? `sip:${ours}@127.0.0.1:${tlsPort};transport=tls` : `sip:${ours}@127.0.0.1:${sipPort}`;
  side.send(
    message(
      [
        `INVITE ${target} SIP/2.0`,
        ...side.recordRoutes.map((route) => `Record-Route: ${route}`),
        `From: ${from}`,
        `To: ${to}`,
        'CSeq: 29044 INVITE',
        'Max-Forwards: 60',
        `P-Asserted-Identity: <sip:${caller}@198.51.100.12:5060>`,
        `Diversion: <sip:${ours}@twilio.com>;reason=unconditional`,
        `Call-ID: ${callId}`,
        ...vias('invite'),
        `Contact: <${contact}>`,
        'Allow: ACK,BYE,CANCEL,INVITE,OPTIONS,REFER,NOTIFY',
        `X-Twilio-AccountSid: ${accountSid}`,
        'User-Agent: Twilio Gateway',
        'Content-Type: application/sdp',
        `X-Twilio-CallSid: ${callSid}`,
      ],
      offer,
    ),
  );
  const answer = await side.until(
    ({ status, lines }) => (status ?? 0) >= 200 && lines('Call-ID')[0]?.includes(callId) === true,
  );
  expect(answer.status, answer.text).toBe(200);
  /** A request of Twilio's inside the call, by its own proxies. */
  const inside = (method: string, cseq: number): void =>
    side.send(
      message([
        `${method} ${uriOf(value(answer, 'Contact'))} SIP/2.0`,
        ...vias(method),
        `From: ${from}`,
        `To: ${value(answer, 'To')}`,
        `Call-ID: ${callId}`,
        `CSeq: ${cseq} ${method}`,
        'Max-Forwards: 60',
        'User-Agent: Twilio Gateway',
      ]),
    );
  inside('ACK', 29044);
  phone.accept(bodyOf(answer));
  const session = await liveSession(gateway);
  return { answer, phone, session, callSid, callId, inside };
};

describe.each([
  ['over TLS, with SRTP', overTls, true],
  ['over UDP', overUdp, false],
] as const)("a call by Twilio's trunk %s", (_name, open, secure) => {
  it('is answered by its routes, heard both ways, and ended by us through those routes', async () => {
    const side = await open();
    const calls = bot.calls.length;
    const { answer, phone, session, callSid, callId } = await trunkCall(side, { secure });
    expect(answer.lines('Record-Route').map((line) => line.replace(/^Record-Route: /, ''))).toEqual(side.recordRoutes);
    const point = secure ? `${tlsPort};transport=tls` : sipPort;
    expect(uriOf(value(answer, 'Contact'))).toBe(`sip:voice.example.com:${point}`);
    expect(bodyOf(answer)).toMatch(secure ? /^m=audio \d+ RTP\/SAVP 0 101\r$/m : /^m=audio \d+ RTP\/AVP 0 101\r$/m);
    expect([...bodyOf(answer).matchAll(/^a=crypto:\d+ (\S+) inline:/gm)].map(([, suite]) => suite)).toEqual(
      secure ? ['AES_CM_128_HMAC_SHA1_80'] : [],
    );
    expect(session).toMatchObject({ caller: { e164: caller }, called: ours });

    const call = await bot.call(calls);
    const start = await call.until('the start', ({ type }) => type === 'start');
    expect(start.headers).toMatchObject({ 'x-twilio-callsid': callSid, 'x-twilio-accountsid': accountSid });
    const stop = phone.tone(1_000);
    await until('the caller at the bot', () => toneLevel(call.heard().slice(-1_600), 1_000) > -12, 20_000);
    stop();
    const spoken = call.live(440, 10_000);
    await phone.until('the bot at the caller', () => hears(phone, 440), 20_000);
    expect(phone.rejected()).toBe(0);

    const hungUp = gateway.api(`/v1/sessions/${session.id}/hangup`, { method: 'POST' });
    const bye = await side.until(({ method }) => method === 'BYE');
    expect(bye.text.split('\r\n')[0]).toBe(`BYE ${contact} SIP/2.0`);
    expect(value(bye, 'Call-ID')).toBe(callId);
    expect(bye.lines('Route').map((line) => line.replace(/^Route: /, ''))).toEqual(side.recordRoutes);
    side.send(rawReply(bye, '200 OK'));
    expect((await hungUp).status).toBe(202);
    expect(await endedSession(gateway, ({ id }) => id === session.id)).toMatchObject({ endReason: 'api-hangup' });
    await spoken;
    side.close();
    await phone.close();
  }, 60_000);

  it('is ended by the caller', async () => {
    const side = await open();
    const { phone, session, inside } = await trunkCall(side, { secure });
    inside('BYE', 29045);
    const answer = await side.until(({ lines }) => lines('CSeq')[0] === 'CSeq: 29045 BYE');
    expect([answer.status, answer.lines('Via').length]).toEqual([200, 2]);
    expect(await endedSession(gateway, ({ id }) => id === session.id)).toMatchObject({ endReason: 'caller-hangup' });
    side.close();
    await phone.close();
  });
});

describe("a call of ours by Twilio's trunk", () => {
  it('answers its challenge, and its ACK and BYE go by the routes of the answer', async () => {
    const mobile = '+12025550101';
    const nonce = 'dGhlIG5vbmNl';
    const phone = await rtpPeer({ address: mediaAddress });
    const answered = `sip:${mobile}@172.25.8.9:5060`;
    const routes = (): string[] => [`<sip:172.25.8.1;lr;r2=on>`, `<sip:${edge}:${trunk.port};lr;r2=on>`];
    const trunk = await startRawPeer((message, self) => {
      if (message.method === 'BYE') return self.send(rawReply(message, '200 OK'));
      if (message.method !== 'INVITE') return;
      const given = value(message, 'Proxy-Authorization');
      if (given === '') {
        const challenge = `Digest realm="sip.twilio.com", qop="auth", nonce="${nonce}", opaque="o", algorithm=MD5`;
        return self.send(
          rawReply(message, '407 Proxy Authentication required', { headers: `Proxy-Authenticate: ${challenge}` }),
        );
      }
      phone.accept(bodyOf(message));
      const headers = [...routes().map((route) => `Record-Route: ${route}`), `Contact: <${answered}>`].join('\r\n');
      self.send(rawReply(message, '200 OK', { headers, body: phone.sdp() }));
    }, edge);
    const policy = {
      numbers: ['+1202555'],
      trunk: `sip:${edge}:${trunk.port}`,
      profile: 'twilio',
      maxCalls: 5,
      dailyMinutes: 100,
    };
    expect((await gateway.api('/v1/organizations/acme/outbound', { method: 'PUT', body: policy })).status).toBe(200);
    const placed = await gateway.api('/v1/calls', { method: 'POST', body: { agent: 'support', to: mobile } });
    expect(placed.status, JSON.stringify(placed.body)).toBe(202);
    const { id } = placed.body as { id: string };

    const invite = await trunk.until((message) => value(message, 'Proxy-Authorization') !== '');
    expect(value(invite, 'From')).toContain(`<sip:${ours}@`);
    const field = (name: string): string =>
      new RegExp(`\\b${name}="?([^",]*)`).exec(value(invite, 'Proxy-Authorization'))?.[1] ?? '';
    const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
    const [a1, a2] = [
      md5(`${credential.username}:sip.twilio.com:${credential.password}`),
      md5(`INVITE:${field('uri')}`),
    ];
    expect(field('response')).toBe(md5(`${a1}:${nonce}:${field('nc')}:${field('cnonce')}:auth:${a2}`));

    const byRoutes = [...routes()].reverse();
    const ack = await trunk.until(({ method, lines }) => method === 'ACK' && lines('Route').length > 0);
    expect(ack.text.split('\r\n')[0]).toBe(`ACK ${answered} SIP/2.0`);
    expect(ack.lines('Route').map((line) => line.replace(/^Route: /, ''))).toEqual(byRoutes);
    await liveSession(gateway);
    await gateway.api(`/v1/sessions/${id}/hangup`, { method: 'POST' });
    const bye = await trunk.until(({ method }) => method === 'BYE');
    expect(bye.text.split('\r\n')[0]).toBe(`BYE ${answered} SIP/2.0`);
    expect(bye.lines('Route').map((line) => line.replace(/^Route: /, ''))).toEqual(byRoutes);
    await endedSession(gateway, (session) => session.id === id);
    trunk.close();
    await phone.close();
  });
});
