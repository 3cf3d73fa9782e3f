import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../core/errors.js';
import { silentLogger } from '../../core/logger.js';
import { manualClock } from '../../core/manual-clock.js';
import type { TransferDestination } from '../directory/records.js';
import { agentTools } from './agent-tools.js';
import type { ActionRunResult, CallDoors } from './ports.js';

const names: Record<string, string> = { zendesk: 'Zendesk human agent', owner: "Owner's mobile" };

const setUp = (doors: Partial<CallDoors> = {}) => {
  const seen: unknown[] = [];
  const clock = manualClock();
  let over = false;
  const ran: ActionRunResult = { success: true, statusCode: 200, outputs: { order_state: 'sent' }, durationMs: 3 };
  const tools = agentTools({
    doors: {
      transfer: async (request) => {
        seen.push(['transfer', request]);
        return { outcome: 'busy', sipStatus: 486, reason: 'Busy Here', hint: null };
      },
      executeAction: async (name, args) => {
        seen.push(['action', name, args]);
        if (name === 'order_status') return ran;
        const error = { code: 'not_found', message: `There is no action "${name}".` };
        return { success: false, statusCode: null, outputs: {}, durationMs: 0, error };
      },
      sendDtmf: async (digits) => void seen.push(['dtmf', digits]),
      endCall: async (reason) => void seen.push(['end', reason]),
      listTools: async () => [
        { name: 'order_status', description: 'Looks up an order', parameters: { type: 'object' } },
        { name: 'end_call', description: 'An action that hides behind a control', parameters: {} },
      ],
      attributes: () => ({}),
      shownAttributes: () => ({}),
      setAttributes: () => {},
      note: () => {},
      ...doors,
    },
    agent: { orgId: 'acme', transferDestinations: ['zendesk', 'owner', 'gone'], actions: ['order_status'] },
    directory: {
      destination: async (_org, id) =>
        names[id] === undefined ? null : ({ id, name: names[id] } as unknown as TransferDestination),
    },
    over: () => over,
    handedOver: () => false,
    clock,
    log: silentLogger,
  });
  return { tools, seen, clock, end: () => (over = true) };
};

describe('the tools of an agent', () => {
  it('run by their names with the arguments the doors take', async () => {
    const { tools, seen } = setUp();
    expect(await tools.call('transfer_call', { destination: 'zendesk', summary: 'Order 7' })).toEqual({
      ok: true,
      value: { outcome: 'busy', sipStatus: 486, reason: 'Busy Here', hint: null },
    });
    expect(await tools.call('send_dtmf', { digits: '1#' })).toEqual({ ok: true, value: {} });
    expect(await tools.call('end_call', {})).toEqual({ ok: true, value: {} });
    expect(await tools.call('execute_action', { name: 'order_status', arguments: { order_id: '7' } })).toMatchObject({
      ok: true,
      value: { success: true, outputs: { order_state: 'sent' } },
    });
    expect(seen).toEqual([
      ['transfer', { destination: 'zendesk', summary: 'Order 7' }],
      ['dtmf', '1#'],
      ['end', null],
      ['action', 'order_status', { order_id: '7' }],
    ]);
  });

  it('are reached by an action’s own name, and controls by execute_action', async () => {
    const { tools, seen } = setUp();
    await tools.call('order_status', { order_id: '7' });
    await tools.call('execute_action', { name: 'transfer_call', arguments: { destination: 'owner' } });
    expect(seen).toEqual([
      ['action', 'order_status', { order_id: '7' }],
      ['transfer', { destination: 'owner' }],
    ]);
  });

  it('are listed with the destinations there are, and no action hides a control', async () => {
    const { tools } = setUp();
    const list = await tools.list();
    expect(list.map(({ name }) => name)).toEqual(['transfer_call', 'end_call', 'send_dtmf', 'order_status']);
    expect(list[0]?.parameters).toMatchObject({
      type: 'object',
      required: ['destination'],
      properties: { destination: { enum: ['zendesk', 'owner'] } },
    });
    expect(await tools.call('list_tools', undefined)).toEqual({ ok: true, value: list });
  });

  it.each([
    ['transfer_call', {}, 'destination is missing'],
    ['transfer_call', { destination: 'zendesk', from: '+1900' }, 'from is not a known field'],
    ['send_dtmf', { digits: '1w2' }, 'digits must be 1 to 64'],
    ['send_dtmf', 'digits', 'must be an object'],
    ['end_call', { reason: `vgs_${crypto.randomUUID()}_abc` }, 'must not hold the token of a session'],
    ['execute_action', { name: 'order_status', arguments: JSON.parse('{"__proto__":1}') }, 'is not an allowed name'],
    ['order_status', { text: 'x'.repeat(70_000) }, 'must not be longer than 65536 characters'],
  ])('refuse bad arguments of %s with what is wrong: %j', async (name, args, sentence) => {
    const { tools, seen } = setUp();
    const answer = await tools.call(name, args);
    expect(answer).toMatchObject({ ok: false, fault: { code: 'bad_arguments' } });
    expect(JSON.stringify(answer)).toContain(sentence);
    expect(seen).toEqual([]);
  });

  it('that do not exist are unknown', async () => {
    const { tools, seen } = setUp();
    const fault = { code: 'unknown_tool', message: 'There is no action "drop_tables".' };
    expect(await tools.call('drop_tables', {})).toEqual({ ok: false, fault });
    expect(await tools.call('execute_action', { name: 'execute_action' })).toMatchObject({ ok: false });
    expect(seen).toEqual([]);
  });

  it('are limited in rate and in how many run at once, and recover', async () => {
    const { tools, clock } = setUp();
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => tools.call('send_dtmf', { digits: '1' })));
    expect(answers.filter(({ ok }) => ok).length).toBeLessThanOrEqual(30);
    expect(answers.at(-1)).toMatchObject({ ok: false, fault: { code: 'too_many' } });
    clock.advance(1_000);
    expect(await tools.call('send_dtmf', { digits: '1' })).toMatchObject({ ok: true });
  });

  it('of a call that is over say so, and a door that fails does not throw', async () => {
    const { tools, end } = setUp({ sendDtmf: () => Promise.reject(new Error('the leg is closed')) });
    expect(await tools.call('send_dtmf', { digits: '1' })).toMatchObject({ ok: false, fault: { code: 'failed' } });
    end();
    expect(await tools.call('end_call', {})).toMatchObject({ ok: false, fault: { code: 'session_ended' } });
  });

  it.each([
    ['session_ended', 'session_ended'],
    ['not_available', 'not_available'],
    ['conflict', 'not_available'],
    ['sip_refused', 'not_available'],
  ] as const)('that meet with %s say %s, and not that we failed', async (met, code) => {
    const { tools } = setUp({ sendDtmf: () => Promise.reject(new GatewayError(met, 'So it is.')) });
    expect(await tools.call('send_dtmf', { digits: '1' })).toMatchObject({ ok: false, fault: { code } });
  });
});
