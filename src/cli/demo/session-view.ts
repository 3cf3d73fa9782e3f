import type { TestGateway } from '../../../test/support/gateway.js';

export type TimelineEntry = {
  readonly at: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
};

/** A session as the API shows it, as far as the demo looks. */
export type SessionView = {
  readonly id: string;
  readonly status: string;
  readonly endReason: string | null;
  readonly called: string;
  readonly caller: { readonly e164: string | null };
  readonly contactId: string | null;
  readonly zendeskTicketId: string | null;
  readonly transfer: { readonly outcome: string | null; readonly ticketId: string | null } | null;
  readonly timeline: readonly TimelineEntry[];
};

/** What each kind of timeline entry means for someone who has never seen one. */
const inWords: Readonly<Record<string, string>> = {
  'call.received': 'the INVITE arrived and a phone session was opened',
  'call.answered': 'the gateway answered and the caller confirmed',
  'agent.started': 'the agent took the call',
  'agent.said': 'the agent spoke',
  'agent.asked': 'the agent asked for a key',
  'dtmf.received': 'the caller pressed a key',
  'media.started': "the caller's sound arrived",
  'media.quality': 'the quality of the sound was measured',
  'prefetch.stamped': 'the webhook put the ticket on the session',
  'contact.enriched': 'the contact got what Zendesk knows',
  'action.run': 'an action ran',
  'transfer.started': 'the INVITE to the human went out',
  'transfer.ringing': 'it rings at the line',
  'transfer.connected': 'caller and human were joined',
  'transfer.failed': 'the human could not be reached',
  'call.ended': 'the call ended',
};

/** The timeline as lines: seconds since the first entry, type, what it means, the beginning of its data. */
export const timelineLines = (timeline: readonly TimelineEntry[]): string[] => {
  const first = Date.parse(timeline[0]?.at ?? '');
  return timeline.map((entry) => {
    const after = ((Date.parse(entry.at) - first) / 1_000).toFixed(3).padStart(7);
    const data = JSON.stringify(entry.data);
    const shown = data === '{}' ? '' : data.length > 100 ? `${data.slice(0, 100)}…` : data;
    return `${after} s  ${entry.type.padEnd(18)} ${(inWords[entry.type] ?? '').padEnd(46)} ${shown}`.trimEnd();
  });
};

/** Waits until the one session of the demo is as `fits` says; the last state is returned when it never is. */
export const sessionWhen = async (
  gateway: TestGateway,
  fits: (session: SessionView) => boolean,
  patienceMs = 8_000,
): Promise<SessionView> => {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const { body } = await gateway.api('/v1/sessions?limit=1');
    const [item] = (body as { items: { id: string }[] }).items;
    const session = item === undefined ? null : ((await gateway.api(`/v1/sessions/${item.id}`)).body as SessionView);
    if (session !== null && (fits(session) || performance.now() > deadline)) return session;
    if (performance.now() > deadline) throw new Error('the gateway has no session of the call');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
};
