import type { Logger } from '../../core/logger.js';
import { orgKey, type RedisConnection, replyFields, replyList, replyText, sharedKey } from '../redis/index.js';

/** One change that somebody made: who, what, when, from where. Never a value, only names. */
export type AuditEntry = {
  /** ms since the epoch. */
  readonly at: number;
  /** `kind` of the credential and who it is. */
  readonly who: string;
  readonly role: string;
  /** The permission it took. */
  readonly action: string;
  /** Method and path of the request, credentials in it masked. */
  readonly request: string;
  /** What became of it: `created number +14155550100`. */
  readonly changes: readonly string[];
  readonly remote: string;
  readonly requestId: string;
};

export type AuditPage = {
  readonly items: readonly (AuditEntry & { readonly id: string })[];
  readonly next: string | null;
};

/** Changes in the order in which they were made. `orgId` null: those that concern no organization. */
export type AuditTrail = {
  /** Never rejects: a change that was made is not undone because it could not be written down; the log has it then. */
  add(orgId: string | null, entry: AuditEntry): Promise<void>;
  /** Newest first; `cursor` is the id of the last entry of the page before. */
  list(orgId: string | null, query: { readonly limit: number; readonly cursor: string | null }): Promise<AuditPage>;
};

/** Entries kept for each organization. */
const CAP = 20_000;
/** Names of changes in one entry; a document may make thousands. */
const mostChanges = 100;
const idForm = /^[1-9]\d{0,15}-\d{1,16}$/;

const keyOf = (orgId: string | null): string => (orgId === null ? sharedKey('audit') : orgKey(orgId, 'audit'));

const stringsOf = (text: string): readonly string[] => {
  const value: unknown = JSON.parse(text);
  return Array.isArray(value) ? value.map(String) : [];
};

export const createAuditTrail = ({
  redis,
  log,
}: {
  readonly redis: RedisConnection;
  readonly log: Logger;
}): AuditTrail => ({
  async add(orgId, entry) {
    const { changes } = entry;
    const named = [
      ...changes.slice(0, mostChanges),
      ...(changes.length > mostChanges ? [`and ${changes.length - mostChanges} more`] : []),
    ];
    const fields = { ...entry, at: String(entry.at), changes: JSON.stringify(named) };
    await redis
      .command('XADD', keyOf(orgId), 'MAXLEN', '~', CAP, '*', ...Object.entries(fields).flat())
      .catch((err: unknown) => log.error({ err, organization: orgId, entry }, 'A change is not in the audit trail.'));
  },
  async list(orgId, { limit, cursor }) {
    const to = cursor !== null && idForm.test(cursor) ? `(${cursor}` : '+';
    const found = replyList(await redis.command('XREVRANGE', keyOf(orgId), to, '-', 'COUNT', limit + 1));
    const items = found.slice(0, limit).map((each) => {
      const [id, values] = replyList(each);
      const fields = replyFields(values);
      const text = (name: string): string => fields.get(name) ?? '';
      return {
        ...{ id: replyText(id), at: Number(text('at')), who: text('who'), role: text('role'), action: text('action') },
        ...{ request: text('request'), changes: stringsOf(text('changes') || '[]'), remote: text('remote') },
        requestId: text('requestId'),
      };
    });
    return { items, next: found.length > limit ? (items.at(-1)?.id ?? null) : null };
  },
});
