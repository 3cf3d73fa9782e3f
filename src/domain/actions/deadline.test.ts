import { getEventListeners, setMaxListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ActionRig, startActionRig, testOrganization } from '../../../test/support/action-rig.js';
import { badBehaviours, startStallingTarget } from '../../../test/support/bad-targets.js';
import { parseAction } from './compile-action.js';
import { createUserAttributes } from './user-attributes.js';

let rig: ActionRig;
beforeEach(async () => {
  rig = await startActionRig();
});
afterEach(() => rig.close());

describe('a target that', () => {
  it.each(badBehaviours)('$what ends the run as $error and keeps no socket', async ({ error: code, respond }) => {
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

it('3,000 calls that end badly leave no socket, timer or listener behind', { timeout: 120_000 }, async () => {
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
  let left = 3_000;
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
  expect(failed).toBe(3_000);
  await rig.http.close();
  await rig.target.idle();
  const resources = process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap' || name === 'TLSWrap');
  expect(resources).toEqual([]);
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
});

/** Of a kind; what vitest itself holds comes and goes, but for these. */
const held = (): Record<string, number> => {
  const names = process.getActiveResourcesInfo();
  const count = (wanted: string): number => names.filter((name) => name === wanted).length;
  return { sockets: count('TCPSocketWrap') + count('TLSWrap'), connecting: count('TCPConnectWrap') };
};

it('300 calls that end badly in every way leave no memory and no handle behind', { timeout: 120_000 }, async () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const stalling = await startStallingTarget();
  const respond = new Map(badBehaviours.map((behaviour, index) => [`/${index}`, behaviour.respond]));
  rig.target.respond = (request, response) => {
    rig.target.requests.length = 0;
    respond.get(request.url)?.(request, response);
  };
  const actionTo = (url: string, endless: boolean) =>
    parseAction({ name: 'Bad target', method: 'GET', url, limits: { timeout: endless ? 0.1 : 15 } });
  const actions = [
    ...badBehaviours.map(({ error }, index) => actionTo(`${rig.target.origin}/${index}`, error === 'timeout')),
    actionTo(`https://localhost:${stalling.port}/`, true),
  ];
  const endings = new Map<string, number>();
  const user = createUserAttributes();
  const make = async (total: number): Promise<void> => {
    let left = total;
    const worker = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const action = actions[left % actions.length] ?? expect.fail('there is no action');
        const { error } = await rig.executor.execute({ organization: testOrganization, action, user, args: {} });
        endings.set(error?.code ?? 'success', (endings.get(error?.code ?? 'success') ?? 0) + 1);
        rig.runs.length = 0;
      }
    };
    await Promise.all(Array.from({ length: 25 }, worker));
  };
  const kept = (): number => {
    for (let pass = 0; pass < 3; pass += 1) collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  await make(100);
  const before = kept();
  endings.clear();
  await make(300);
  const growth = kept() - before;
  // Each way is met 30 times (10,000 calls: `npm run bench -- executor-bad-targets`). What one call holds (its body of up to 1 MiB above all) would show at once.
  expect(Object.fromEntries(endings)).toEqual({
    ...{ timeout: 120, response_too_large: 90, bad_encoding: 30, headers_too_large: 30, connection_lost: 30 },
  });
  expect(growth).toBeLessThan(4_000_000);
  await rig.http.close();
  await stalling.close();
  await rig.target.idle();
  expect(held()).toEqual({ sockets: 0, connecting: 0 });
});
