import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Engine, startEngine } from '../../src/telephony/sip-engine/index.js';
import { externalServer } from './harness.js';
import { copySuite, runIntegrationFile, runUnitTests, type SuiteCopy, type SuiteServer } from './srf-suite.js';

/** Assertions of each integration file of drachtio-srf 5.0.29. */
const files = { b2b: 19, 'reinvite-tests': 1, uac: 19, uas: 8, proxy: 2, utils: 27, refer: 1 };

const engines: Engine[] = [];
const startServer = async (): Promise<SuiteServer> => {
  const engine = await startEngine({
    listen: [{ transport: 'udp', address: '127.0.0.1', port: 0 }],
    admin: { host: '127.0.0.1', port: 0, secret: 'cymru' },
  });
  engines.push(engine);
  return {
    host: '127.0.0.1',
    adminPort: engine.adminPort,
    secret: 'cymru',
    sipAddress: `127.0.0.1:${engine.listen[0]?.port}`,
  };
};

const hasSipp = spawnSync('sipp', ['-v']).error === undefined;
if (!hasSipp) console.log("drachtio-srf's integration suite is skipped: sipp is not installed");

/** With TEST_DRACHTIO the suite runs against that server, one file after the other as they share it. */
const external = externalServer();
const externalSuite: SuiteServer | undefined = external && {
  host: external.host,
  adminPort: external.adminPort,
  secret: external.secret,
  sipAddress: `${external.sipHost}:${external.sipPort}`,
};

describe("drachtio-srf's own test-suite", () => {
  let copy: SuiteCopy;

  beforeAll(async () => {
    copy = await copySuite();
  });

  afterAll(async () => {
    await Promise.all(engines.map((engine) => engine.close()));
    await copy.remove();
  });

  it('passes all 52 unit tests', async () => {
    const { passes, failures, output } = await runUnitTests(copy);
    console.log(`drachtio-srf unit tests: ${passes} of 52 passed`);
    expect(failures, output).toBe(0);
    expect(passes).toBe(52);
  });

  // Each file gets an engine and peers of its own, so that they can run at the same time.
  describe.skipIf(!hasSipp)('integration', { concurrent: externalSuite === undefined }, () => {
    for (const [file, assertions] of Object.entries(files)) {
      it(`passes all ${assertions} assertions of ${file}`, { timeout: 110_000 }, async ({ expect }) => {
        const [sut, second] = [externalSuite ?? (await startServer()), await startServer()];
        const result = await runIntegrationFile(copy, file, sut, second, 90_000);
        console.log(`drachtio-srf ${file}: ${result.pass} of ${assertions} assertions passed`);
        expect({ pass: result.pass, fail: result.fail }, result.output).toEqual({ pass: assertions, fail: 0 });
      });
    }
  });
});
