import { isIP } from 'node:net';
import type { Request, RequestHandler, Response } from 'express';

const withPort = /^(?:(\d+\.\d+\.\d+\.\d+)|\[([\da-fA-F:.]+)\]):\d+$/;

/** The address as it stands, without the port some proxies write behind it; null when it is none. */
const addressIn = (text: string | undefined): string | null => {
  if (text === undefined) return null;
  const [, four, six] = withPort.exec(text) ?? [];
  const address = four ?? six ?? text;
  return isIP(address) === 0 ? null : address;
};

/**
 * Notes whom a request comes from, while its connection is there to be asked: the peer, or what trusted proxies say of whom
 * they stand for (`X-Forwarded-For` from its end, as far as each one that wrote there is trusted).
 */
export const noteRemote: RequestHandler = (request: Request, response, next) => {
  response.locals.remote = addressIn(request.ip) ?? request.socket.remoteAddress ?? '';
  next();
};

/** Whom a request comes from; empty when it left before anybody could ask. */
export const remoteOf = (response: Response): string => {
  const { remote } = response.locals;
  return typeof remote === 'string' ? remote : '';
};
