import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LiveKitRig, startLiveKitRig } from '../support/livekit-rig.js';
import { hasLiveKitServer } from '../support/livekit-server.js';
import { hears } from '../support/transfer-rig.js';
import { until } from '../support/until.js';

describe.skipIf(!hasLiveKitServer())('a call in a LiveKit room', () => {
  let rig: LiveKitRig;
  beforeAll(async () => {
    rig = await startLiveKitRig();
    await rig.setUpLeg();
  });
  afterAll(() => rig?.close());

  it('rings until the agent can be heard; then caller and agent hear each other', async () => {
    const { caller, agent } = await rig.talk();
    const stop = caller.phone.tone(1_000);
    await caller.phone.until('the tone of the agent', () => hears(caller.phone, 440));
    await until('the tone of the caller', async () => (await agent.levels(1_000)).tone > -15);
    stop();
    await caller.dialog.bye();
    const session = await caller.until('the end', ({ status }) => status === 'ended');
    expect(session.endReason).toBe('caller-hangup');
  });
});
