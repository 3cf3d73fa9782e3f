/** What Redis answers (RESP 2), with bulk strings decoded as UTF-8. */
export type RedisReply = string | number | null | readonly RedisReply[];

/** One command: its name, then its arguments. */
export type RedisCommand = readonly [name: string, ...args: (string | number | Buffer)[]];

const unexpected = (reply: RedisReply | undefined, wanted: string): Error =>
  new TypeError(`Redis answered ${reply === undefined ? 'nothing' : typeof reply} where ${wanted} was expected`);

/** The reply as text; numbers are written out. Throws TypeError on null and arrays. */
export const replyText = (reply: RedisReply | undefined): string => {
  if (typeof reply === 'string') return reply;
  if (typeof reply === 'number') return String(reply);
  throw unexpected(reply, 'text');
};

/** The reply as text, or null when Redis has no such value. */
export const replyTextOrNull = (reply: RedisReply | undefined): string | null =>
  reply === null || reply === undefined ? null : replyText(reply);

/** The reply as a finite number. */
export const replyNumber = (reply: RedisReply | undefined): number => {
  const value = typeof reply === 'string' && reply !== '' ? Number(reply) : reply;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw unexpected(reply, 'a number');
};

/** The reply as a list; null is the empty list. */
export const replyList = (reply: RedisReply | undefined): readonly RedisReply[] => {
  if (reply === null) return [];
  if (Array.isArray(reply)) return reply;
  throw unexpected(reply, 'a list');
};

/** The reply as a list of texts. */
export const replyTexts = (reply: RedisReply | undefined): string[] => replyList(reply).map(replyText);

/** A flat list of fields and values (HGETALL) as a map; empty when the key does not exist. */
export const replyFields = (reply: RedisReply | undefined): Map<string, string> => {
  const list = replyList(reply);
  const fields = new Map<string, string>();
  for (let at = 0; at + 1 < list.length; at += 2) fields.set(replyText(list[at]), replyText(list[at + 1]));
  return fields;
};
