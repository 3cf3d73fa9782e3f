import type { TestGateway } from './gateway.js';

/** A session as the API shows it, as far as tests look. */
export type SessionView = {
  readonly id: string;
  readonly status: string;
  readonly endReason: string | null;
  readonly caller: { readonly e164: string | null };
  readonly called: string;
  readonly contactId: string | null;
  readonly timeline: readonly {
    readonly at: string;
    readonly type: string;
    readonly data: Readonly<Record<string, unknown>>;
  }[];
};

/** Sessions of the test organization, newest first, without timelines. */
export const listSessions = async (gateway: TestGateway, query = ''): Promise<readonly SessionView[]> => {
  const { status, body } = await gateway.api(`/v1/sessions?organization=acme&limit=500${query}`);
  if (status !== 200) throw new Error(`the list of sessions was refused: ${status} ${JSON.stringify(body)}`);
  return (body as { items: readonly SessionView[] }).items;
};

export const getSession = async (gateway: TestGateway, id: string): Promise<SessionView> =>
  (await gateway.api(`/v1/sessions/${id}?organization=acme`)).body as SessionView;
