import { canonicalName } from './header-names.js';
import type { SipMessage } from './message.js';

const lineEnds = /[\r\n]/;

const startLine = (message: SipMessage): string =>
  message.kind === 'request'
    ? `${message.method} ${message.uri} SIP/2.0`
    : `SIP/2.0 ${message.status} ${message.reason}`;

/**
 * The bytes of a message: long header names, one unfolded line each, Content-Length always there and true.
 * @throws Error when a line has a line end inside, which would let one header smuggle in another.
 */
export const serialize = (message: SipMessage): Buffer => {
  const first = startLine(message);
  if (lineEnds.test(first)) throw new Error('start line with a line end inside');
  let head = `${first}\r\n`;
  let lengthWritten = false;
  for (const header of message.headers) {
    const name = canonicalName(header.name);
    if (name === 'Content-Length') {
      if (!lengthWritten) head += `Content-Length: ${message.body.length}\r\n`;
      lengthWritten = true;
      continue;
    }
    if (lineEnds.test(header.value) || lineEnds.test(name))
      throw new Error(`header ${JSON.stringify(name)} with a line end inside`);
    head += `${name}: ${header.value}\r\n`;
  }
  if (!lengthWritten) head += `Content-Length: ${message.body.length}\r\n`;
  head += '\r\n';
  if (message.body.length === 0) return Buffer.from(head);
  const headBytes = Buffer.byteLength(head);
  const bytes = Buffer.allocUnsafe(headBytes + message.body.length);
  bytes.write(head);
  message.body.copy(bytes, headBytes);
  return bytes;
};
