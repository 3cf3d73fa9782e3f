import { isUtf8 } from 'node:buffer';
import type { EngineClock } from '../engine-clock.js';
import { newId } from '../identifiers.js';
import type { SipMessage } from '../message.js';
import { serialize } from '../serializer.js';
import type { Flow } from '../transport.js';
import { bodyEncodingHeader } from './app-message.js';

/** Text of the messages a drachtio server sends to an application (facts of drachtio-server 0.9.x). */

const twoDigits = (value: number): string => (value < 10 ? `0${value}` : String(value));

const cached = { at: -1, text: '' };

/** Time of day `HH:MM:SS.usec` in UTC, as drachtio-server writes it. */
export const timeOfDay = (clock: EngineClock): string => {
  const at = clock.now();
  if (at === cached.at) return cached.text;
  const ms = at % 86_400_000;
  const seconds = Math.floor(ms / 1000);
  const time = `${twoDigits(Math.floor(seconds / 3600))}:${twoDigits(Math.floor(seconds / 60) % 60)}:${twoDigits(seconds % 60)}`;
  cached.at = at;
  cached.text = `${time}.${String(Math.floor(ms % 1000)).padStart(3, '0')}000`;
  return cached.text;
};

/**
 * A message as the application gets it. Client libraries decode frames as UTF-8, which would destroy a binary body: such
 * a body goes with one character per byte (U+0000-U+00FF) and a header that says so, and `Buffer.from(body, 'latin1')`
 * gives the bytes back. Content-Length stays the number of bytes, which is then also that of characters.
 */
export const forApplication = (message: SipMessage, wire: Buffer): Buffer => {
  if (message.body.length === 0 || isUtf8(message.body)) return wire;
  const head = serialize({ ...message, headers: [...message.headers, { name: bodyEncodingHeader, value: 'latin1' }] });
  const body = Buffer.from(message.body.toString('latin1'), 'utf8');
  return Buffer.concat([head.subarray(0, head.length - message.body.length), body]);
};

/** `sip|network|…`: a message from the network. `receivedOn` only with requests outside of dialogs. */
export const networkLeader = (options: {
  bytes: number;
  flow: Flow | undefined;
  /** Drachtio leaves the protocol empty for ACKs. */
  hideProtocol?: boolean;
  time: string;
  transactionId: string;
  dialogId: string;
  receivedOn?: string;
}): string => {
  const { flow } = options;
  const protocol = options.hideProtocol ? '' : (flow?.transport ?? 'udp');
  const place = `${protocol}|${flow?.remoteAddress ?? ''}|${flow?.remotePort ?? 0}`;
  const received = options.receivedOn === undefined ? '' : `${options.receivedOn}|`;
  return `${newId()}|sip|network|${options.bytes}|${place}|${options.time}|${options.transactionId}|${options.dialogId}|${received}`;
};

/** `sip|application|…|unsolicited`: a request the server sent on its own, told after the fact. */
export const unsolicitedLeader = (bytes: number, flow: Flow | undefined, time: string, dialogId: string): string => {
  const place = `${flow?.transport ?? 'udp'}|${flow?.remoteAddress ?? ''}|${flow?.remotePort ?? 0}`;
  return `${newId()}|sip|application|${bytes}|${place}|${time}|unsolicited|${dialogId}|`;
};

/** Answer to a command, `tokens` beginning with OK, NO or NOK. */
export const answerLeader = (commandId: string, ...tokens: readonly string[]): string =>
  `${newId()}|response|${commandId}|${tokens.join('|')}`;

export const requestSentTokens = (bytes: number, place: SentPlace, time: string, transactionId: string): string =>
  `OK|application|${bytes}|${place.protocol}|${place.address}|${place.port}|${time}|${transactionId}|Msg sent:|`;

export const responseSentTokens = (
  bytes: number,
  place: SentPlace,
  time: string,
  transactionId: string,
  dialogId: string,
): string =>
  `OK|application|${bytes}|${place.protocol}|${place.address}|${place.port}|${time}|${transactionId}|${dialogId}||Msg sent:|`;

export type SentPlace = { protocol: string; address: string; port: number };
