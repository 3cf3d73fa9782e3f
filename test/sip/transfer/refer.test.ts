import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type SippRun, startSipp } from '../../support/sipp.js';
import { expectMessage, inDialog, invite, pause, reply, type Step, scenario } from '../../support/sipp-scenario.js';
import { plainDestination, type Session, startTransferRig, type TransferRig } from '../../support/transfer-rig.js';
import { until } from '../../support/until.js';

let rig: TransferRig;
let carrier: SippRun | null = null;

beforeAll(async () => {
  rig = await startTransferRig();
});
afterAll(() => rig.close());
afterEach(async () => {
  await carrier?.stop();
  carrier = null;
});

const owner = {
  ...plainDestination,
  id: 'owner',
  name: "Owner's mobile",
  type: 'phone',
  value: '+14155550199',
  trunk: 'sip:trunk.example',
  method: 'refer',
};

/** A caller by a carrier that does this once it is connected; the script transfers at once. Resolves with the session. */
const callerThen = async (
  options: Readonly<Record<string, unknown>>,
  ends: (session: Session) => boolean,
  ...steps: readonly Step[]
): Promise<{ session: Session; messages: string }> => {
  await rig.setUp(
    [{ transfer: { destination: 'owner', failed: [{ play: 'short.wav' }, { hangup: {} }] } }],
    [{ ...owner, ...options }],
  );
  carrier = await startSipp({
    target: rig.sipAddress,
    // Over UDP a busy machine makes sipp repeat itself, and it takes the repeated answers for unexpected ones.
    transport: 'tcp',
    scenario: scenario(
      invite(),
      expectMessage(100, { optional: true }),
      expectMessage(180, { optional: true }),
      expectMessage(200),
      inDialog('ACK', 1),
      ...steps,
    ),
  });
  const session = await until('the outcome', async () => {
    const { body } = await rig.gateway.api('/v1/sessions?limit=1');
    const id = (body as { items: { id: string }[] }).items[0]?.id;
    if (id === undefined || seen.has(id)) return null;
    const found = (await rig.gateway.api(`/v1/sessions/${id}`)).body as Session;
    if (!ends(found)) return null;
    seen.add(id);
    return found;
  });
  const result = await carrier.done;
  expect(result.code).toBe(0);
  return { session, messages: result.messages };
};
const seen = new Set<string>();

const ok = reply('200 OK', { tag: false });
const accepted = reply('202 Accepted', { tag: false });
const notify = (cseq: number, state: string, status: string): Step =>
  inDialog('NOTIFY', cseq, {
    headers: `Event: refer\nSubscription-State: ${state}\nContent-Type: message/sipfrag;version=2.0`,
    rawBody: `SIP/2.0 ${status}`,
  });
const hangUp = (cseq: number): Step[] => [pause(200), inDialog('BYE', cseq), expectMessage(200)];
/** The agent has the caller again: it says its last words and hangs up. */
const hungUp: Step[] = [expectMessage('BYE'), ok];
const failedWith =
  (outcome: string) =>
  (session: Session): boolean =>
    session.transfer?.outcome === outcome && session.timeline.some(({ type }) => type === 'agent.said');

describe('a transfer by REFER', () => {
  it('ends our leg when the carrier reports success', async () => {
    const { session, messages } = await callerThen(
      {},
      (s) => s.status === 'ended',
      expectMessage('REFER', { matches: ['Refer-To: <sip:.14155550199@trunk.example>'] }),
      accepted,
      notify(2, 'active;expires=60', '100 Trying'),
      expectMessage(200),
      notify(3, 'active;expires=59', '180 Ringing'),
      expectMessage(200),
      notify(4, 'terminated;reason=noresource', '200 OK'),
      expectMessage(200),
      expectMessage('BYE'),
      ok,
    );
    expect(session.transfer).toMatchObject({ outcome: 'connected', sipStatus: 200, fromReason: 'refer', headers: {} });
    expect(messages).not.toMatch(/X-OPENCX/i);
  });

  it('that is declined brings the caller back to the agent', async () => {
    const { session } = await callerThen(
      {},
      failedWith('declined'),
      expectMessage('REFER'),
      reply('603 Decline', { tag: false }),
      ...hungUp,
    );
    expect(session.transfer).toMatchObject({ sipStatus: 603 });
  });

  it('whose NOTIFY says 486 is busy', async () => {
    const { session } = await callerThen(
      {},
      failedWith('busy'),
      expectMessage('REFER'),
      accepted,
      notify(2, 'terminated;reason=noresource', '486 Busy Here'),
      expectMessage(200),
      ...hungUp,
    );
    expect(session.transfer).toMatchObject({ sipStatus: 486 });
  });

  it('of which nothing is heard any more is no-answer after the ring timeout', async () => {
    const { session } = await callerThen(
      { ringTimeout: 1 },
      failedWith('no-answer'),
      expectMessage('REFER'),
      accepted,
      ...hungUp,
    );
    expect(session.status).not.toBe('transferred');
  });

  it('whose caller hangs up before any NOTIFY ends the call and says so', async () => {
    const { session } = await callerThen(
      {},
      (s) => s.status === 'ended',
      expectMessage('REFER'),
      accepted,
      ...hangUp(2),
    );
    expect(session).toMatchObject({ endReason: 'caller-hangup', transfer: { outcome: 'caller-hung-up' } });
  });
});
