import { getEventListeners, setMaxListeners } from 'node:events';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ActionRig, startActionRig, testOrganization } from '../../../test/support/action-rig.js';
import { parseAction } from './compile-action.js';
import { createUserAttributes } from './user-attributes.js';

let rig: ActionRig;
beforeEach(async () => {
  rig = await startActionRig();
});
afterEach(() => rig.close());

type Respond = ActionRig['target']['respond'];
const bomb = gzipSync(Buffer.alloc(50_000_000));

/** What a hostile or broken target does, and the error by which the run is known. */
const behaviours: [string, string, Respond][] = [
  ['hangs before its headers', 'timeout', () => {}],
  ['sends headers and then nothing', 'timeout', (_request, response) => void response.writeHead(200).write('{')],
  [
    'drips its body',
    'timeout',
    (_request, response) => {
      const drip = setInterval(() => response.write('x'), 15);
      response.on('close', () => clearInterval(drip));
    },
  ],
  [
    'sends a body without end',
    'response_too_large',
    (_request, response) => {
      const block = Buffer.alloc(65_536, 'x');
      const pump = (): void => {
        if (response.destroyed) return;
        if (response.write(block)) setImmediate(pump);
        else response.once('drain', pump);
      };
      pump();
    },
  ],
  ['sends 20 MB', 'response_too_large', (_request, response) => void response.end(Buffer.alloc(20_000_000, 'x'))],
  [
    'sends a gzip bomb',
    'response_too_large',
    (_request, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
  ],
  [
    'overflows its headers',
    'headers_too_large',
    (_request, response) => void response.writeHead(200, { 'x-big': 'x'.repeat(20_000) }).end(),
  ],
];

describe('a target that', () => {
  it.each(behaviours)('%s ends the run as %s and keeps no socket', async (_name, code, respond) => {
    rig.target.respond = respond;
    // Only those that never end of themselves get a short deadline; the others must be stopped by their own cap.
    const result = await rig.run({ limits: { timeout: code === 'timeout' ? 0.25 : 15 } });
    expect(result).toMatchObject({ success: false, error: { code } });
    expect(result.statusCode).toBe(code === 'timeout' ? 408 : null);
    await rig.http.close();
    await rig.target.idle();
  });
});

it('an action can be given up, and ends at once', async () => {
  const controller = new AbortController();
  rig.target.respond = () => controller.abort();
  const result = await rig.run({}, { signal: controller.signal });
  expect(result.error?.code).toBe('aborted');
  await rig.target.idle();
});

it('10,000 calls that end badly leave no socket, timer or listener behind', { timeout: 120_000 }, async () => {
  let turn = 0;
  rig.target.respond = (request, response) => {
    turn += 1;
    const choice = turn % 5;
    if (choice === 0) response.destroy();
    else if (choice === 1) response.writeHead(200, { 'content-encoding': 'gzip' }).end('broken');
    else if (choice === 2) response.writeHead(200, { 'x-big': 'x'.repeat(20_000) }).end();
    else if (choice === 3) response.writeHead(200, { 'content-length': '2000000' }).write('x');
    else if (request.url !== '/') response.end();
  };
  const user = createUserAttributes();
  const action = parseAction({
    name: 'Bad target',
    method: 'POST',
    url: `${rig.target.origin}/`,
    limits: { timeout: 0.1 },
    body: { a: 1 },
  });
  const controller = new AbortController();
  setMaxListeners(200, controller.signal);
  let failed = 0;
  let left = 10_000;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const result = await rig.executor.execute({
        organization: testOrganization,
        action,
        user,
        args: {},
        signal: controller.signal,
      });
      if (!result.success) failed += 1;
      rig.runs.length = 0;
      rig.target.requests.length = 0;
    }
  };
  await Promise.all(Array.from({ length: 100 }, worker));
  expect(failed).toBe(10_000);
  await rig.http.close();
  await rig.target.idle();
  const resources = process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap' || name === 'TLSWrap');
  expect(resources).toEqual([]);
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
});
