import { expect, it } from 'vitest';
import { silentLogger } from '../core/logger.js';
import { type ActionExecutor, type ActionResult, createSessionHeaders, parseAction } from '../domain/actions/index.js';
import type { Agent } from '../domain/directory/index.js';
import type { OwnedSession } from '../domain/sessions/index.js';
import type { ActionCatalogue, CatalogueEntry } from './action-catalogue.js';
import { createActionRunner } from './action-runner.js';

const definition = { name: 'Order status', method: 'GET', url: 'https://shop.test/' };

const setUp = (result: Partial<ActionResult>, entry: Partial<CatalogueEntry> = {}) => {
  const attributes: Record<string, unknown> = {};
  const session = {
    id: 's',
    contact: null,
    snapshot: { id: 's', orgId: 'acme', contactId: null, startedAt: 0, caller: { withheld: true }, attributes },
    note: () => {},
  } as unknown as OwnedSession;
  const found = { record: { id: 'order_status' }, action: parseAction(definition), fault: null, readsContact: false };
  const ran = { success: true, statusCode: 200, outputs: {}, error: undefined, durationMs: 1, notRepeated: new Set() };
  const runner = createActionRunner({
    catalogue: {
      find: async () => ({ ...found, ...entry }),
      organization: async () => ({}),
    } as unknown as ActionCatalogue,
    executor: { execute: async () => ({ ...ran, ...result }) } as unknown as ActionExecutor,
    headers: createSessionHeaders(),
    contacts: { get: async () => null },
    ran: () => {},
    log: silentLogger,
  });
  runner.door.opened(session, { id: 'a', actions: [], leg: { type: 'builtin' } } as unknown as Agent);
  return { runner, session, run: () => runner.door.run(session, 'order_status', {}) };
};

it('an agent is told a failure in the plain sentence, the client of the API in that of the operator', async () => {
  const { runner, run } = setUp({
    success: false,
    error: { code: 'connect', message: 'No connection to 10.1.2.3:8443 could be made.' },
    ai: { text: 'Something went wrong: the system could not be reached.', outputs: {} },
  });
  expect((await run()).error).toEqual({
    code: 'connect',
    message: 'Something went wrong: the system could not be reached.',
  });
  const { error } = await runner.run({ orgId: 'acme', name: 'order_status', args: {}, sessionId: 's' });
  expect(error?.message).toContain('10.1.2.3');
});

it('an agent hears of an action that cannot run as it is stored without the details of its faults', async () => {
  const { run } = setUp({}, { action: null, fault: 'The variable "k" of secret "internal" is gone.' });
  const { error } = await run();
  expect(error?.code).toBe('conflict');
  expect(error?.message).not.toContain('internal');
});

it('remembers which attributes an agent is not told of later, as long as the call lives', async () => {
  const ai = { text: '', outputs: {} };
  const { runner, run } = setUp({ outputs: { state: 'sent', cost: 3 }, notRepeated: new Set(['cost', 'raw']), ai });
  await run();
  expect([...runner.door.notRepeated('s')]).toEqual(['cost']);
  runner.closed('s');
  expect([...runner.door.notRepeated('s')]).toEqual([]);
});
