import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OwnedSession } from '../../src/domain/sessions/index.js';
import { replyTexts } from '../../src/platform/redis/index.js';
import { seededRandom } from '../support/seeded-random.js';
import { startZendeskRig, type ZendeskRig } from '../support/zendesk-rig.js';
import { renderTrigger, sendWebhook, type WebhookAnswer } from '../support/zendesk-webhook.js';

let rig: ZendeskRig;
beforeAll(async () => {
  rig = await startZendeskRig({ queueTimes: { sweep: 3_600_000 } });
});
afterAll(() => rig.close());

const webhooks = 10_000;
const atOnce = 64;
const callers = Array.from({ length: 60 }, (_, n) => `+1415555${1_000 + n}`);

/** Steps of the schedule at which a session was there for sure, and from which on it may have been gone. */
type Made = {
  readonly owned: OwnedSession;
  readonly caller: string;
  readonly createdBy: number;
  endedBy: number | null;
};
type Sent = {
  readonly ticketId: string;
  readonly caller: string;
  readonly from: number;
  readonly to: number;
  readonly answer: WebhookAnswer;
};

it('10,000 webhooks against sessions that are created, transferred and ended: each stamp whole, none lost, none on a wrong session', async () => {
  // Without credentials nothing is to be fetched: what races is matching and stamping.
  await rig.connect({ auth: null });
  const url = await rig.webhookUrl();
  const random = seededRandom(35_436);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const made: Made[] = [];
  const sent: Sent[] = [];
  const changes: Promise<unknown>[] = [];
  let clock = 0;
  let tickets = 0;

  const create = async (): Promise<void> => {
    const caller = pick(callers);
    const owned = await rig.call(caller, { startedAt: 1_700_000_000_000 + clock, sipCallId: randomUUID() });
    made.push({ owned, caller, createdBy: clock, endedBy: null });
  };
  const transfer = (): void => {
    const { owned } = pick(made);
    if (owned.snapshot.status === 'ended') return;
    changes.push(owned.change({ status: 'transferring' }), owned.change({ status: 'transferred', attempts: 1 }));
  };
  const end = (): void => {
    const one = pick(made);
    if (one.endedBy !== null) return;
    one.endedBy = clock;
    changes.push(one.owned.change({ status: 'ended', endedAt: Date.now(), endReason: 'caller-hangup' }));
    one.owned.release();
  };
  const webhook = async (): Promise<void> => {
    // One in four is a ticket that was sent before: idempotence under the same race.
    if (random() < 0.75) tickets += 1;
    const ticketId = String(tickets);
    const caller = callers[(tickets * 7) % callers.length] as string;
    const from = clock;
    const answer = await sendWebhook(
      url,
      renderTrigger({ id: ticketId, caller, title: random() < 0.2 ? 'a "b"' : '' }),
    );
    sent.push({ ticketId, caller, from, to: clock, answer });
  };

  for (let n = 0; n < 40; n += 1) await create();
  let left = webhooks;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      clock += 1;
      const dice = random();
      if (dice < 0.3) await create();
      else if (dice < 0.4) transfer();
      else if (dice < 0.6) end();
      else {
        left -= 1;
        await webhook();
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  await Promise.all(changes);

  expect(sent).toHaveLength(webhooks);
  expect(sent.filter(({ answer }) => answer.status !== 200)).toEqual([]);
  const successes = sent.filter(({ answer }) => answer.body.success);
  const stampOf = new Map<string, string>();
  const byId = new Map(made.map((one) => [one.owned.id, one]));
  for (const { ticketId, caller, answer } of successes) {
    const session = byId.get(answer.body.sessionId ?? '');
    // On a session of this caller, and on each session one ticket only.
    expect(session?.caller).toBe(caller);
    const sessionId = answer.body.sessionId ?? '';
    expect(stampOf.get(sessionId) ?? ticketId).toBe(ticketId);
    stampOf.set(sessionId, ticketId);
  }
  let stamped = 0;
  const look = async ({ owned, caller }: Made): Promise<void> => {
    const stored = await rig.api.sessions.get(rig.org, owned.id);
    const entries = (await rig.api.sessions.timeline(rig.org, owned.id)).filter(
      ({ type }) => type === 'prefetch.stamped',
    );
    const ticketId = stored?.zendeskTicketId ?? null;
    if (ticketId === null) {
      expect([owned.id, entries, stampOf.get(owned.id)]).toEqual([owned.id, [], undefined]);
      return;
    }
    stamped += 1;
    // Whole: the ticket, its one entry, its index, the owner's knowledge and the answer that told of it.
    expect(entries.map(({ data }) => data.ticketId)).toEqual([ticketId]);
    expect(stampOf.get(owned.id)).toBe(ticketId);
    expect(owned.snapshot.zendeskTicketId).toBe(ticketId);
    expect(replyTexts(await rig.api.redis.command('ZRANGE', `vg:{${rig.org}}:by-ticket:${ticketId}`, 0, -1))).toContain(
      owned.id,
    );
    expect(stored?.caller.e164).toBe(caller);
  };
  for (let at = 0; at < made.length; at += 200) await Promise.all(made.slice(at, at + 200).map(look));
  expect(stamped).toBe(stampOf.size);
  expect(stamped).toBeGreaterThan(1_000);
  // None lost: who was told that there is no session had none that was there all the while.
  for (const { caller, from, to, answer } of sent) {
    if (answer.body.success || !answer.body.message.includes('no live phone session')) continue;
    const there = made.filter(
      (one) => one.caller === caller && one.createdBy < from && (one.endedBy === null || one.endedBy > to),
    );
    expect(there.map(({ owned }) => owned.id)).toEqual([]);
  }
  const created = made.length;
  process.stdout.write(
    `${webhooks} webhooks, ${created} sessions, ${stamped} stamped, ${successes.length} successes\n`,
  );
}, 180_000);

it('a webhook and a transfer that race leave one of their two orders', async () => {
  await rig.fresh();
  const url = await rig.webhookUrl();
  for (let round = 0; round < 200; round += 1) {
    const caller = `+1415556${1_000 + round}`;
    const owned = await rig.call(caller);
    const hook = sendWebhook(url, renderTrigger({ id: round + 1, caller }));
    const change = owned.change({ status: 'transferring', attempts: 1 });
    const read = owned.refresh(1_000);
    const [answer, known] = await Promise.all([hook, read, change]);
    expect(answer.body.success).toBe(true);
    expect([null, String(round + 1)]).toContain(known?.zendeskTicketId ?? null);
    const stored = await rig.api.sessions.get(rig.org, owned.id);
    expect(stored).toMatchObject({ status: 'transferring', attempts: 1, zendeskTicketId: String(round + 1) });
  }
}, 60_000);
