import { z } from 'zod';
import { faultsOf } from '../../../core/faults.js';
import type { BotMessage, BotNotice, Dialect } from './messages.js';
import { readJson } from './read-json.js';

/** Name and version of the protocol (docs/reference/agent-websocket.md). */
export const subprotocol = 'voice-gateway.v1';

const label = (longest: number) => z.string().min(1).max(longest);

const spoken = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('ready') }),
  z.looseObject({ type: z.literal('clear') }),
  z.looseObject({ type: z.literal('mark'), name: label(256) }),
  z.looseObject({ type: z.literal('dtmf'), digits: label(64) }),
  z.looseObject({ type: z.literal('tool'), id: label(128), name: label(128), arguments: z.unknown().optional() }),
  z.looseObject({ type: z.literal('ping'), id: label(128).optional() }),
]);

export const spokenTypes: readonly string[] = spoken.options.map((option) => option.shape.type.value);

const fault = (message: string): BotMessage => ({ type: 'fault', code: 'bad_message', message });

const read = (text: string): BotMessage => {
  const read = readJson(text);
  if (read === null) return fault('A text message must be JSON.');
  const parsed = spoken.safeParse(read.json);
  if (!parsed.success) {
    const [first] = faultsOf(parsed.error.issues);
    if (first?.path === 'type') return fault(`The type of a message is one of ${spokenTypes.join(', ')}.`);
    return fault(`The message is not valid: ${`${first?.path ?? ''} ${first?.message ?? ''}`.trim()}.`);
  }
  const message = parsed.data;
  switch (message.type) {
    case 'tool':
      return { type: 'tool', id: message.id, name: message.name, arguments: message.arguments };
    case 'ping':
      return { type: 'ping', id: message.id ?? null };
    case 'mark':
      return { type: 'mark', name: message.name };
    case 'dtmf':
      return { type: 'dtmf', digits: message.digits };
    default:
      return { type: message.type };
  }
};

const written = (notice: BotNotice): Readonly<Record<string, unknown>> => {
  if (notice.type === 'tool_result') {
    const { type, id, answer } = notice;
    return answer.ok
      ? { type, id, ok: true, value: answer.value }
      : { type, id, ok: false, error: { code: answer.fault.code, message: answer.fault.message } };
  }
  if (notice.type === 'pong') return notice.id === null ? { type: 'pong' } : { type: 'pong', id: notice.id };
  return notice;
};

/** The gateway's own protocol: audio as binary messages, everything else as JSON text with a `type`. */
export const gatewayDialect = (): Dialect => ({
  subprotocol,
  readyAtOnce: false,
  start: ({ sessionId, orgId, audio, ...facts }) => [
    JSON.stringify({
      type: 'start',
      protocol: subprotocol,
      session: sessionId,
      organization: orgId,
      ...facts,
      audio: { ...audio, frameMs: 20 },
    }),
  ],
  audio: (bytes) => bytes,
  notice: (notice) => JSON.stringify(written(notice)),
  read: (data, binary) => (binary ? { type: 'audio', bytes: data } : read(data.toString())),
});
