import { describe, expect, it } from 'vitest';
import type { ParsedSip, SipRequest } from '../message.js';
import { parseSip } from '../parser.js';
import { manualEngineClock } from '../testing/manual-clock.js';
import type { Flow, TransportLayer } from '../transport.js';
import type { ServerTransaction } from './server-transaction.js';
import { TransactionTable } from './table.js';

const flow: Flow = {
  transport: 'udp',
  localAddress: '127.0.0.1',
  localPort: 5060,
  remoteAddress: '127.0.0.2',
  remotePort: 5070,
  connectionId: undefined,
};

const request = (
  method: string,
  options: { branch?: string; sentBy?: string; toTag?: string; cseq?: string; uri?: string; rport?: boolean } = {},
): ParsedSip<SipRequest> => {
  const branch = options.branch === '' ? '' : `;branch=${options.branch ?? 'z9hG4bK1'}`;
  const parsed = parseSip(
    Buffer.from(
      `${method} ${options.uri ?? 'sip:b@b'} SIP/2.0\r\nVia: SIP/2.0/UDP ${options.sentBy ?? '127.0.0.2:5070'}${branch}\r\n` +
        `From: <sip:a@a>;tag=f\r\nTo: <sip:b@b>${options.toTag ? `;tag=${options.toTag}` : ''}\r\nCall-ID: c\r\n` +
        `CSeq: ${options.cseq ?? '1'} ${method}\r\nMax-Forwards: 70\r\nContact: <sip:a@a>\r\nContent-Length: 0\r\n\r\n`,
    ),
  );
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.parsed as ParsedSip<SipRequest>;
};

const build = () => {
  const clock = manualEngineClock();
  const sent: { bytes: string; to: string }[] = [];
  const seen = { requests: [] as ServerTransaction[], cancels: [] as (ServerTransaction | undefined)[], acks: 0 };
  const transport = {
    sendOn: (to: Flow, bytes: Buffer) =>
      void sent.push({ bytes: bytes.toString(), to: `${to.remoteAddress}:${to.remotePort}` }),
  } as unknown as TransportLayer;
  const table = new TransactionTable({
    clock,
    transport: () => transport,
    user: {
      onRequest: (transaction) => void seen.requests.push(transaction),
      onCancel: (_cancel, invite) => void seen.cancels.push(invite),
      onAck: () => void seen.acks++,
    },
  });
  const respond = (status: number): void => {
    const transaction = seen.requests.at(-1);
    transaction?.respond({
      kind: 'response',
      status,
      reason: 'X',
      headers: transaction.request.message.headers.filter((h) =>
        ['Via', 'From', 'To', 'Call-ID', 'CSeq'].includes(h.name),
      ),
      body: Buffer.alloc(0),
    });
  };
  return { clock, table, sent, seen, respond };
};

describe('matching requests to transactions (RFC 3261 17.2.3)', () => {
  it('tells repetitions by branch, sent-by and method', () => {
    const { table, seen } = build();
    table.receiveRequest(request('OPTIONS'), flow);
    table.receiveRequest(request('OPTIONS'), flow);
    expect(seen.requests).toHaveLength(1);
    table.receiveRequest(request('OPTIONS', { sentBy: '127.0.0.3:5070' }), flow);
    table.receiveRequest(request('OPTIONS', { branch: 'z9hG4bK2' }), flow);
    table.receiveRequest(request('INFO'), flow);
    expect(seen.requests).toHaveLength(4);
  });

  it('tells repetitions of RFC 2543 clients, which have no branch, by everything else', () => {
    const { table, seen } = build();
    table.receiveRequest(request('INVITE', { branch: '' }), flow);
    table.receiveRequest(request('INVITE', { branch: '' }), flow);
    expect(seen.requests).toHaveLength(1);
    table.receiveRequest(request('INVITE', { branch: '', cseq: '2' }), flow);
    table.receiveRequest(request('INVITE', { branch: '1' }), flow);
    expect(seen.requests).toHaveLength(3);
  });

  it('gives the ACK of a failure to its INVITE, of either kind of client, and that of a 2xx to the user', () => {
    for (const branch of ['z9hG4bK1', '']) {
      const { table, seen, respond, sent, clock } = build();
      table.receiveRequest(request('INVITE', { branch }), flow);
      respond(486);
      table.receiveRequest(request('ACK', { branch, toTag: 't' }), flow);
      clock.advance(600);
      expect([seen.acks, sent.length]).toEqual([0, 1]);
    }
    const { table, seen, respond } = build();
    table.receiveRequest(request('INVITE'), flow);
    respond(200);
    table.receiveRequest(request('ACK', { branch: 'z9hG4bKother', toTag: 't' }), flow);
    table.receiveRequest(request('ACK', { toTag: 't' }), flow);
    expect(seen.acks).toBe(2);
  });

  it('finds the INVITE a CANCEL means, and none for a stranger', () => {
    const { table, seen } = build();
    table.receiveRequest(request('INVITE'), flow);
    table.receiveRequest(request('CANCEL'), flow);
    table.receiveRequest(request('CANCEL', { branch: 'z9hG4bK9' }), flow);
    expect(seen.cancels).toEqual([seen.requests[0], undefined]);
  });

  it('answers without rport at the port of the Via', () => {
    const { table, sent, respond } = build();
    table.receiveRequest(request('OPTIONS', { sentBy: '127.0.0.2:6060' }), flow);
    respond(200);
    expect(sent[0]?.to).toBe('127.0.0.2:6060');
  });

  it('tells a request that came on two paths as merged, once its first copy is known', () => {
    const { table, seen } = build();
    table.receiveRequest(request('MESSAGE'), flow);
    table.receiveRequest(request('MESSAGE', { branch: 'z9hG4bK2' }), flow);
    expect(seen.requests.map((transaction) => table.isMerged(transaction))).toEqual([false, true]);
    expect(seen.requests.map((transaction) => table.isMerged(transaction))).toEqual([false, true]);
  });

  it('counts what waits for an answer apart from what only lingers, and forgets both', () => {
    const { table, respond, clock } = build();
    table.receiveRequest(request('OPTIONS'), flow);
    expect([table.unansweredCount, table.serverCount]).toEqual([1, 1]);
    respond(200);
    expect([table.unansweredCount, table.serverCount]).toEqual([0, 1]);
    clock.advance(32_000);
    expect([table.unansweredCount, table.serverCount, clock.pending]).toEqual([0, 0, 0]);
  });
});
