import type { AppMessage } from './app-message.js';
import { parseAppMessage } from './app-message.js';

/** A command of an application, parsed (the admin protocol's client side). */
export type Command =
  | { id: string; kind: 'authenticate'; secret: string; tags: string[] }
  | { id: string; kind: 'ping' }
  | { id: string; kind: 'route' | 'remove_route'; verb: string }
  | { id: string; kind: 'sip'; transactionId: string; dialogId: string; routeUrl: string; message: AppMessage }
  | { id: string; kind: 'proxy'; proxy: ProxyCommand }
  | { id: string; kind: 'invalid'; sentence: string; fatal: boolean };

export type ProxyCommand = {
  transactionId: string;
  recordRoute: boolean;
  fullResponse: boolean;
  followRedirects: boolean;
  simultaneous: boolean;
  /** ms; undefined when not limited. */
  provisionalTimeout: number | undefined;
  finalTimeout: number | undefined;
  destinations: string[];
  /** Headers to add to the request. */
  message: AppMessage;
};

/** `2s`, `1500ms` or a number of milliseconds. */
export const parseDuration = (text: string): number | undefined => {
  const match = /^(\d+)(ms|s)?$/.exec(text.trim());
  if (!match) return undefined;
  const value = Number(match[1]) * (match[2] === 's' ? 1000 : 1);
  return value > 0 ? value : undefined;
};

/**
 * Parses a frame's payload. What cannot be understood comes back as `invalid`; `fatal` when the peer speaks another
 * protocol and the connection is of no use.
 */
export const parseCommand = (payload: Buffer): Command => {
  const end = payload.indexOf('\r\n');
  const leader = payload.toString('utf8', 0, end < 0 ? payload.length : end);
  const tokens = leader.split('|');
  const [id = '', kind = ''] = tokens;
  const rest = end < 0 ? payload.subarray(payload.length) : payload.subarray(end + 2);
  switch (kind) {
    case 'authenticate':
      return { id, kind, secret: tokens[2] ?? '', tags: (tokens[3] ?? '').split(',').filter((tag) => tag !== '') };
    case 'ping':
      return { id, kind };
    case 'route':
    case 'remove_route': {
      const verb = (tokens[2] ?? '').toLowerCase();
      if (!/^[a-z:]{1,32}$/.test(verb)) return { id, kind: 'invalid', sentence: `invalid verb: ${verb}`, fatal: false };
      return { id, kind, verb };
    }
    case 'sip':
      return sipCommand(id, tokens, rest);
    case 'proxy':
      return proxyCommand(id, tokens, rest);
    default:
      return { id, kind: 'invalid', sentence: 'Unknown message type', fatal: true };
  }
};

const sipCommand = (id: string, tokens: readonly string[], rest: Buffer): Command => {
  const message = parseAppMessage(rest);
  if (typeof message === 'string') return { id, kind: 'invalid', sentence: message, fatal: false };
  return {
    id,
    kind: 'sip',
    transactionId: tokens[2] ?? '',
    dialogId: tokens[3] ?? '',
    routeUrl: tokens[4] ?? '',
    message,
  };
};

const proxyCommand = (id: string, tokens: readonly string[], rest: Buffer): Command => {
  const message = parseAppMessage(rest);
  if (typeof message === 'string') return { id, kind: 'invalid', sentence: message, fatal: false };
  const destinations = tokens.slice(9).filter((destination) => destination !== '');
  if (destinations.length === 0) return { id, kind: 'invalid', sentence: 'no destination to proxy to', fatal: false };
  const proxy: ProxyCommand = {
    transactionId: tokens[2] ?? '',
    recordRoute: tokens[3] === 'remainInDialog',
    fullResponse: tokens[4] === 'fullResponse',
    followRedirects: tokens[5] === 'followRedirects',
    simultaneous: tokens[6] === 'simultaneous',
    provisionalTimeout: parseDuration(tokens[7] ?? ''),
    finalTimeout: parseDuration(tokens[8] ?? ''),
    destinations,
    message,
  };
  return { id, kind: 'proxy', proxy };
};
