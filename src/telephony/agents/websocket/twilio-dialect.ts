import { createHash } from 'node:crypto';
import { z } from 'zod';
import { newUuid } from '../../../core/ids.js';
import type { BotMessage, BotNotice, Dialect } from './messages.js';
import { readJson } from './read-json.js';

/**
 * The messages of Twilio Media Streams, bidirectional (`<Connect><Stream>`), as documented at
 * twilio.com/docs/voice/media-streams/websocket-messages, so that a bot made for Twilio works unchanged. Identifiers
 * have Twilio's form: the CallSid is the session's id, the AccountSid stands for the organization.
 */
const spoken = z.discriminatedUnion('event', [
  z.looseObject({ event: z.literal('media'), media: z.looseObject({ payload: z.string() }) }),
  z.looseObject({ event: z.literal('mark'), mark: z.looseObject({ name: z.string().min(1).max(256) }) }),
  z.looseObject({ event: z.literal('clear') }),
]);

const base64 = /^[A-Za-z0-9+/]*={0,2}$/;
const fault = (message: string): BotMessage => ({ type: 'fault', code: 'bad_message', message });

const read = (text: string): BotMessage => {
  const read = readJson(text);
  if (read === null) return fault('A message must be JSON.');
  const parsed = spoken.safeParse(read.json);
  if (!parsed.success) return fault('The message is not a media, mark or clear event as Twilio documents them.');
  const message = parsed.data;
  switch (message.event) {
    case 'media':
      return base64.test(message.media.payload)
        ? { type: 'audio', bytes: Buffer.from(message.media.payload, 'base64') }
        : { type: 'fault', code: 'bad_audio', message: 'The payload of a media event must be base64.' };
    case 'mark':
      return { type: 'mark', name: message.mark.name };
    case 'clear':
      return { type: 'clear' };
  }
};

const hex = (uuid: string): string => uuid.replaceAll('-', '');

export const twilioDialect = (): Dialect => {
  const streamSid = `MZ${hex(newUuid())}`;
  let accountSid = '';
  let callSid = '';
  let sequence = 0;
  let chunk = 0;
  let timestamp = 0;

  const event = (name: string, body: Readonly<Record<string, unknown>>): string => {
    sequence += 1;
    return JSON.stringify({ event: name, sequenceNumber: String(sequence), ...body, streamSid });
  };

  const notice = (told: BotNotice): string | null => {
    switch (told.type) {
      case 'dtmf':
        return event('dtmf', { dtmf: { track: 'inbound_track', digit: told.digit } });
      case 'marked':
        return event('mark', { mark: { name: told.name } });
      case 'stop':
        return event('stop', { stop: { accountSid, callSid } });
      default:
        return null;
    }
  };

  return {
    subprotocol: null,
    // Twilio waits for nothing: a bot that only listens says no word at all.
    readyAtOnce: true,
    start(facts) {
      accountSid = `AC${createHash('sha256').update(facts.orgId).digest('hex').slice(0, 32)}`;
      callSid = `CA${hex(facts.sessionId)}`;
      const customParameters = {
        ...facts.parameters,
        ...(facts.caller.number === null ? {} : { from: facts.caller.number }),
        to: facts.called,
        sessionId: facts.sessionId,
        ...(facts.credential === null ? {} : { token: facts.credential.token, apiUrl: facts.credential.apiUrl }),
      };
      return [
        JSON.stringify({ event: 'connected', protocol: 'Call', version: '1.0.0' }),
        event('start', {
          start: {
            ...{ streamSid, accountSid, callSid, customParameters },
            tracks: ['inbound'],
            mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8_000, channels: 1 },
          },
        }),
      ];
    },
    audio(bytes) {
      chunk += 1;
      const media = {
        track: 'inbound',
        chunk: String(chunk),
        timestamp: String(timestamp),
        payload: bytes.toString('base64'),
      };
      timestamp += bytes.length / 8;
      return event('media', { media });
    },
    notice,
    read: (data, binary) =>
      binary ? fault('Binary messages are not part of Media Streams; audio is a media event.') : read(data.toString()),
  };
};
