import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { type LiveKitRig, startLiveKitRig } from '../support/livekit-rig.js';
import { hasLiveKitServer } from '../support/livekit-server.js';
import { type Shop, startShop } from '../support/shop.js';
import type { Caller } from '../support/transfer-rig.js';
import { audioCases } from './audio-cases.js';
import { doorsCases } from './doors-cases.js';
import { compileExample, exampleCases } from './example-cases.js';
import { doomedCall, lossesCases } from './losses-cases.js';
import { toolsCases } from './tools-cases.js';

/** One gateway and one livekit-server for all of it; what takes its time begins at once and is waited for last. */
describe.skipIf(!hasLiveKitServer())('with one LiveKit', () => {
  let rig: LiveKitRig;
  let shop: Shop;
  let doomed: Caller;
  let compiled: Promise<void>;
  beforeAll(async () => {
    shop = await startShop();
    rig = await startLiveKitRig({ env: shop.env, config: { livekit: { reconnectWithin: 2 } } });
    doomed = await doomedCall(rig);
    compiled = compileExample();
    compiled.catch(() => {});
  }, 90_000);
  afterEach(() => rig.rest());
  afterAll(async () => {
    await rig?.close();
    await shop?.close();
  });

  audioCases(() => rig);
  toolsCases(
    () => rig,
    () => shop,
  );
  doorsCases(
    () => rig,
    () => shop,
  );
  exampleCases(
    () => rig,
    () => compiled,
  );
  lossesCases(
    () => rig,
    () => doomed,
  );
});
