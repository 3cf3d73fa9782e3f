import { describe, expect, it } from 'vitest';
import type { ParsedSip, SipResponse } from '../message.js';
import { parseSip } from '../parser.js';
import { manualEngineClock } from '../testing/manual-clock.js';
import type { Flow } from '../transport.js';
import { ClientInvite } from './client-invite.js';
import { ClientNonInvite } from './client-non-invite.js';
import { ServerInvite } from './server-invite.js';
import { ServerNonInvite } from './server-non-invite.js';
import { rfc3261Timers } from './timers.js';

const flowBy = (transport: Flow['transport']): Flow => ({
  transport,
  localAddress: '127.0.0.1',
  localPort: 5060,
  remoteAddress: '127.0.0.2',
  remotePort: 5060,
  connectionId: transport === 'udp' ? undefined : 1,
});

const response = (status: number, toTag = 'there'): ParsedSip<SipResponse> => {
  const parsed = parseSip(
    Buffer.from(
      `SIP/2.0 ${status} X\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=here\r\nTo: <sip:b@b>;tag=${toTag}\r\n` +
        'Call-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n',
    ),
  );
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.parsed as ParsedSip<SipResponse>;
};

/** A client transaction under test with all it says and sends, each with the time in ms. */
const client = (kind: 'invite' | 'non-invite', transport: Flow['transport'] = 'udp') => {
  const clock = manualEngineClock();
  const sent: { at: number; what: string }[] = [];
  const told: string[] = [];
  const env = {
    clock,
    timers: rfc3261Timers,
    send: (_flow: Flow, bytes: Buffer) => void sent.push({ at: clock.now(), what: bytes.toString() }),
  };
  const user = {
    onResponse: (r: ParsedSip<SipResponse>) => void told.push(`${r.message.status}`),
    onTimeout: () => void told.push(`timeout@${clock.now()}`),
    onTransportError: (failure: { code: string }) => void told.push(`error:${failure.code}`),
    onTerminated: () => void told.push(`terminated@${clock.now()}`),
  };
  const machine =
    kind === 'invite' ? new ClientInvite(env, user, () => Buffer.from('ACK')) : new ClientNonInvite(env, user);
  const flow = flowBy(transport);
  machine.sent(flow, Buffer.from('REQUEST'));
  const receive = (status: number, tag?: string): void => machine.receive(response(status, tag), flow);
  const times = (what: string): number[] => sent.filter((s) => s.what === what).map((s) => s.at);
  return { clock, machine, told, sent, receive, times, flow };
};

describe('INVITE client transaction (RFC 3261 17.1.1, RFC 6026)', () => {
  it('repeats the INVITE by timer A with doubling intervals until timer B', () => {
    const t = client('invite');
    t.clock.advance(40_000);
    expect(t.times('REQUEST')).toEqual([500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    expect(t.told).toEqual(['terminated@32000', 'timeout@32000']);
  });

  it('never repeats on a reliable transport, but still ends by timer B', () => {
    const t = client('invite', 'tcp');
    t.clock.advance(40_000);
    expect(t.sent).toEqual([]);
    expect(t.told).toEqual(['terminated@32000', 'timeout@32000']);
  });

  it('stops repeating and waits without limit after a provisional response', () => {
    const t = client('invite');
    t.clock.advance(600);
    t.receive(180);
    t.clock.advance(600_000);
    expect(t.times('REQUEST')).toEqual([500]);
    expect(t.machine.state).toBe('proceeding');
    expect(t.told).toEqual(['180']);
  });

  it('acknowledges a failure, again for each repetition, until timer D', () => {
    const t = client('invite');
    t.receive(486);
    t.clock.advance(1_000);
    t.receive(486);
    expect(t.times('ACK')).toEqual([0, 1_000]);
    expect(t.told).toEqual(['486']);
    t.clock.advance(31_000);
    expect(t.told).toEqual(['486', 'terminated@32000']);
    t.receive(486);
    expect(t.times('ACK')).toHaveLength(2);
  });

  it('has no timer D on a reliable transport', () => {
    const t = client('invite', 'tls');
    t.receive(486);
    t.clock.advance(0);
    expect(t.told).toEqual(['486', 'terminated@0']);
  });

  it('hands on every 2xx for timer M, its own repetitions and those of other forks', () => {
    const t = client('invite');
    t.receive(200);
    t.clock.advance(10_000);
    t.receive(200);
    t.receive(200, 'fork');
    t.receive(486);
    t.receive(180);
    expect(t.told).toEqual(['200', '200', '200']);
    t.clock.advance(22_000);
    t.receive(200);
    expect(t.told).toEqual(['200', '200', '200', 'terminated@32000']);
  });

  it('tells a transport error once and only while an answer is awaited', () => {
    const t = client('invite');
    t.machine.transportError({ code: 'unreachable', detail: '' });
    t.machine.transportError({ code: 'unreachable', detail: '' });
    expect(t.told).toEqual(['terminated@0', 'error:unreachable']);
    const answered = client('invite');
    answered.receive(200);
    answered.machine.transportError({ code: 'closed', detail: '' });
    expect(answered.told).toEqual(['200']);
  });

  it('does not repeat an INVITE whose answer came before the kernel said it was sent', () => {
    const t = client('invite');
    t.receive(180);
    t.machine.sent(t.flow, Buffer.from('REQUEST'));
    t.clock.advance(5_000);
    expect(t.sent).toEqual([]);
  });
});

describe('non-INVITE client transaction (RFC 3261 17.1.2)', () => {
  it('repeats by timer E, capped at T2, until timer F', () => {
    const t = client('non-invite');
    t.clock.advance(40_000);
    expect(t.times('REQUEST')).toEqual([500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    expect(t.told).toEqual(['terminated@32000', 'timeout@32000']);
  });

  it('goes on repeating every T2 after a provisional response, and ends by timer F', () => {
    const t = client('non-invite');
    t.receive(100);
    t.clock.advance(40_000);
    expect(t.times('REQUEST')).toEqual([500, 4_500, 8_500, 12_500, 16_500, 20_500, 24_500, 28_500]);
    expect(t.told).toEqual(['100', 'terminated@32000', 'timeout@32000']);
  });

  it('absorbs repeated finals for timer K', () => {
    const t = client('non-invite');
    t.receive(200);
    t.clock.advance(4_999);
    t.receive(200);
    expect(t.told).toEqual(['200']);
    t.clock.advance(1);
    expect(t.told).toEqual(['200', 'terminated@5000']);
  });

  it('has neither timer E nor timer K on a reliable transport', () => {
    const t = client('non-invite', 'tcp');
    t.clock.advance(10_000);
    t.receive(200);
    t.clock.advance(0);
    expect(t.sent).toEqual([]);
    expect(t.told).toEqual(['200', 'terminated@10000']);
  });
});

/** A server transaction under test. */
const server = (kind: 'invite' | 'non-invite', transport: Flow['transport'] = 'udp') => {
  const clock = manualEngineClock();
  const sent: { at: number; what: string }[] = [];
  const told: string[] = [];
  const env = {
    clock,
    timers: rfc3261Timers,
    send: (bytes: Buffer) => void sent.push({ at: clock.now(), what: bytes.toString() }),
  };
  const user = {
    onAckTimeout: () => void told.push(`no-ack@${clock.now()}`),
    onTerminated: () => void told.push(`terminated@${clock.now()}`),
  };
  const flow = flowBy(transport);
  const machine = kind === 'invite' ? new ServerInvite(env, user, flow) : new ServerNonInvite(env, user, flow);
  const respond = (status: number): boolean => machine.respond(status, Buffer.from(String(status)));
  const times = (what: string): number[] => sent.filter((s) => s.what === what).map((s) => s.at);
  return { clock, machine, told, sent, respond, times };
};

describe('INVITE server transaction (RFC 3261 17.2.1, RFC 6026)', () => {
  it('answers a repeated INVITE with the last provisional, and with nothing before there is one', () => {
    const t = server('invite');
    t.machine.retransmission();
    t.respond(100);
    t.respond(180);
    t.machine.retransmission();
    expect(t.sent.map((s) => s.what)).toEqual(['100', '180', '180']);
  });

  it('repeats a failure by timer G, capped at T2, until timer H says that no ACK came', () => {
    const t = server('invite');
    t.respond(486);
    t.clock.advance(40_000);
    expect(t.times('486')).toEqual([0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    expect(t.told).toEqual(['terminated@32000', 'no-ack@32000']);
  });

  it('never repeats a failure on a reliable transport but for a repeated INVITE', () => {
    const t = server('invite', 'tcp');
    t.respond(486);
    t.clock.advance(31_000);
    t.machine.retransmission();
    expect(t.times('486')).toEqual([0, 31_000]);
  });

  it('goes quiet with the ACK and ends by timer I', () => {
    const t = server('invite');
    t.respond(486);
    t.clock.advance(600);
    if (t.machine instanceof ServerInvite) t.machine.ack();
    t.machine.retransmission();
    t.clock.advance(4_999);
    expect(t.times('486')).toEqual([0, 500]);
    expect(t.told).toEqual([]);
    t.clock.advance(1);
    expect(t.told).toEqual(['terminated@5600']);
  });

  it('has no timer I on a reliable transport', () => {
    const t = server('invite', 'tcp');
    t.respond(486);
    if (t.machine instanceof ServerInvite) t.machine.ack();
    t.clock.advance(0);
    expect(t.told).toEqual(['terminated@0']);
  });

  it('absorbs repeated INVITEs after a 2xx for timer L and lets further 2xx out', () => {
    const t = server('invite');
    t.respond(200);
    t.machine.retransmission();
    expect(t.respond(200)).toBe(true);
    expect(t.respond(486)).toBe(false);
    expect(t.respond(180)).toBe(false);
    expect(t.sent.map((s) => s.what)).toEqual(['200', '200']);
    t.clock.advance(32_000);
    expect(t.told).toEqual(['terminated@32000']);
    expect(t.respond(200)).toBe(false);
  });

  it('lets only one failure out', () => {
    const t = server('invite');
    expect(t.respond(486)).toBe(true);
    expect(t.respond(603)).toBe(false);
    expect(t.respond(200)).toBe(false);
  });
});

describe('non-INVITE server transaction (RFC 3261 17.2.2)', () => {
  it('discards repetitions while it has no answer, repeats the answer after', () => {
    const t = server('non-invite');
    t.machine.retransmission();
    expect(t.sent).toEqual([]);
    t.respond(200);
    t.clock.advance(31_999);
    t.machine.retransmission();
    expect(t.times('200')).toEqual([0, 31_999]);
    t.clock.advance(1);
    expect(t.told).toEqual(['terminated@32000']);
  });

  it('has no timer J on a reliable transport', () => {
    const t = server('non-invite', 'tls');
    t.respond(200);
    t.clock.advance(0);
    expect(t.told).toEqual(['terminated@0']);
  });

  it('lets only one final out', () => {
    const t = server('non-invite');
    expect(t.respond(100)).toBe(true);
    expect(t.respond(200)).toBe(true);
    expect(t.respond(500)).toBe(false);
  });
});
