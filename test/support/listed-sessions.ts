import type { TestGateway } from './gateway.js';
import { until } from './until.js';

/** A phone session as `GET /v1/sessions` shows it, as far as tests look. */
export type ListedSession = {
  readonly id: string;
  readonly status: string;
  readonly caller: { readonly e164: string | null };
  readonly called: string;
  readonly startedAt: string;
  readonly answeredAt: string | null;
  readonly endedAt: string | null;
  readonly endReason: string | null;
};
export type SessionDetail = ListedSession & {
  readonly timeline: readonly {
    readonly at: string;
    readonly type: string;
    readonly data: Readonly<Record<string, unknown>>;
  }[];
};

type Page = { readonly items: readonly ListedSession[]; readonly next: string | null };

/** All sessions that fit `query` (`endReason=cancelled`), page by page. */
export const sessionsOf = async (gateway: TestGateway, query = ''): Promise<readonly ListedSession[]> => {
  const all: ListedSession[] = [];
  let cursor: string | null = null;
  do {
    const at: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const { status, body } = await gateway.api(`/v1/sessions?limit=500${at}${query === '' ? '' : `&${query}`}`);
    if (status !== 200) throw new Error(`the list of sessions answered ${status}: ${JSON.stringify(body)}`);
    const page = body as Page;
    all.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return all;
};

/** One session with its timeline. */
export const sessionOf = async (gateway: TestGateway, id: string): Promise<SessionDetail> => {
  const { status, body } = await gateway.api(`/v1/sessions/${id}`);
  if (status !== 200) throw new Error(`the session answered ${status}: ${JSON.stringify(body)}`);
  return body as SessionDetail;
};

/** The session of the one call that fits, with its timeline, once it has ended. */
export const endedSession = async (
  gateway: TestGateway,
  fits: (session: ListedSession) => boolean = () => true,
  timeout?: number,
): Promise<SessionDetail> => {
  const found = await until(
    'a session that has ended',
    async () => (await sessionsOf(gateway)).find((session) => session.status === 'ended' && fits(session)),
    timeout,
  );
  return sessionOf(gateway, found.id);
};

/** The session that is live now, once it has the status. */
export const liveSession = async (gateway: TestGateway, status = 'active'): Promise<ListedSession> =>
  until(`a session that is ${status}`, async () =>
    (await sessionsOf(gateway, 'live=true')).find((session) => session.status === status),
  );
