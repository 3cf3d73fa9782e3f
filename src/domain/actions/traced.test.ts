import { afterEach, beforeEach, expect, it } from 'vitest';
import { type ActionRig, startActionRig, testSession } from '../../../test/support/action-rig.js';
import type { SpanFields, Tracer } from '../../core/tracing.js';

const traceparent = '00-0b8ad5ae5a2c4a578a2e4b5d0c7b1f11-00f067aa0ba902b7-01';
type Ended = { readonly session: string | null; readonly fields: SpanFields; readonly error: string | undefined };
const ended: Ended[] = [];
const tracer: Pick<Tracer, 'part'> = {
  part: (_name, session, start) => ({
    traceparent,
    set: () => {},
    event: () => {},
    end: (fields, error) => void ended.push({ session, fields: { ...start?.fields, ...fields }, error }),
  }),
};

let rig: ActionRig;
beforeEach(async () => {
  ended.length = 0;
  rig = await startActionRig({ dependencies: { tracer: { ...tracer, call: () => tracer.part('answer', null) } } });
});
afterEach(() => rig.close());

const sent = () => rig.target.requests.map(({ headers }) => headers.traceparent);

it('a request carries the span of its action, and an action with a header of its own keeps that', async () => {
  await rig.run({}, { session: testSession });
  await rig.run({ headers: { Traceparent: 'mine' } }, { session: testSession });
  rig.variables.set('traceparent', 'of the organization');
  await rig.run({});
  expect(sent()).toEqual([traceparent, 'mine', 'of the organization']);
  expect(ended.map(({ session }) => session)).toEqual([testSession.id, testSession.id, null]);
});

it('each run ends its span once, with what came of it', async () => {
  rig.target.respond = (_request, response) => response.writeHead(503).end();
  await rig.run({ retries: { attempts: 1 } });
  rig.target.respond = (_request, response) => response.destroy();
  await rig.run({});
  await rig.run({ parameters: { type: 'object', properties: { order: { type: 'string' } }, required: ['order'] } });
  expect(ended).toEqual([
    expect.objectContaining({ fields: expect.objectContaining({ 'http.response.status_code': 503 }) }),
    expect.objectContaining({ error: 'connection_lost' }),
    expect.objectContaining({ error: 'arguments' }),
  ]);
  expect(ended[0]?.fields['action.attempts']).toBe(2);
  expect(ended[1]?.fields['http.response.status_code']).toBeUndefined();
});

it('nothing is sent where nothing is traced', async () => {
  const untraced = await startActionRig();
  await untraced.run({}, { session: testSession });
  expect(untraced.target.requests[0]?.headers).not.toHaveProperty('traceparent');
  await untraced.close();
});
