import { isAscii, isUtf8 } from 'node:buffer';
import { canonicalName } from './header-names.js';
import { parseCSeq, parseNameAddr, parseNameAddrList, parseViaList, withQuotedDisplay } from './header-values.js';
import type { NameAddr, ParsedSip, SipHeader, SipMessage, ViaValue } from './message.js';
import { defaultLimits, type EngineLimits } from './options.js';
import { isCallId, isToken, isWhitespace, parseDecimal, trimmed } from './scan.js';
import { bad, type Fault, parseStartLine } from './start-line.js';

export type ParseOptions = {
  /**
   * `datagram`: the body ends with the datagram unless Content-Length says less (RFC 3261 section 18.3);
   * `stream`: the buffer is one frame, whose Content-Length is mandatory.
   */
  framing: 'datagram' | 'stream';
  limits: Pick<EngineLimits, 'maxMessageBytes' | 'maxHeaderCount' | 'maxHeaderBytes'>;
};

export type ParseFault = {
  ok: false;
  /** One of a fixed set of sentences, fit for a counter's label. */
  reason: string;
  /**
   * The answer the RFC wants: for requests other than ACK whose top Via is there at all. Absent for responses and for
   * what is no SIP: those are dropped.
   */
  status?: number;
  /** The start line and the header lines read until the fault or the limit, for answering. The body is empty. */
  partial?: SipMessage;
};

export type ParseResult = { ok: true; parsed: ParsedSip } | ParseFault;

const datagramDefaults: ParseOptions = { framing: 'datagram', limits: defaultLimits };

/** Methods of the IANA registry: a CSeq that disagrees with any other method is 501, not 400 (RFC 4475 3.1.2.18). */
const registeredMethods: ReadonlySet<string> = new Set(
  'ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE UPDATE'.split(' '),
);

/**
 * Fields that stand once in a message (RFC 3261 section 7.3.1), each with a bit of its own; two of one kind would leave
 * it to chance which is obeyed.
 */
const singleFields: ReadonlyMap<string, number> = new Map(
  'From To Call-ID CSeq Max-Forwards Content-Length Content-Type Expires Event Refer-To RSeq RAck Session-Expires'
    .split(' ')
    .map((name, index) => [name, 1 << index]),
);

const headerEnd = Buffer.from('\r\n\r\n');

/** True when there is a control character other than tab, or a CR or LF that is not part of a line end. */
const hasControls = (bytes: Buffer): boolean => {
  for (let i = 0; i < bytes.length; i++) {
    const c = bytes[i]!;
    if (c >= 32 ? c === 127 : c !== 9) {
      if (c !== 13 || bytes[i + 1] !== 10) return true;
      i++;
    }
  }
  return false;
};

/** True when a header value has a control character outside of a quoted pair (`\x`), or a CR or LF anywhere. */
const hasStrayControl = (value: string): boolean => {
  let inQuotes = false;
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (inQuotes && c === 0x5c) {
      const next = value.charCodeAt(++i);
      if (next === 10 || next === 13) return true;
    } else if (c === 0x22) inQuotes = !inQuotes;
    else if ((c < 32 && c !== 9) || c === 127) return true;
  }
  return false;
};

/** Header text as a string: UTF-8, or ISO 8859-1 for the old devices whose bytes are not. */
const decode = (bytes: Buffer): string =>
  isAscii(bytes) || !isUtf8(bytes) ? bytes.toString('latin1') : bytes.toString('utf8');

/** Joins a folded value: every line end with the whitespace around it becomes one space (RFC 3261 section 7.3.1). */
const unfold = (text: string, start: number, end: number): string => {
  const parts: string[] = [];
  let at = start;
  while (at < end) {
    let eol = text.indexOf('\r\n', at);
    if (eol < 0 || eol > end) eol = end;
    const part = trimmed(text, at, eol);
    if (part !== '') parts.push(part);
    at = eol + 2;
  }
  return parts.join(' ');
};

/** What the header lines of one message amount to. */
type Lines = {
  fault: Fault | undefined;
  /** The bits of the single fields read so far. */
  seen: number;
  /** Set when a limit ended the reading. */
  overLimit: boolean;
  topVia: ViaValue | undefined;
  from: NameAddr | undefined;
  to: NameAddr | undefined;
  callId: string | undefined;
  cseq: { number: number; method: string } | undefined;
  contentLength: number | undefined;
};

/** Tags are part of dialog identifiers: one without a value, quoted, or with a separator of theirs is none. */
const isTag = (tag: string | undefined): boolean => tag === undefined || (tag !== '' && !/["|]/.test(tag));

/** Checks one header line's value by the grammar of its name and keeps what the engine needs of it. */
const readField = (lines: Lines, header: SipHeader): Fault | undefined => {
  const { name, value } = header;
  switch (name) {
    case 'Via': {
      const values = parseViaList(value);
      if (values === undefined) return bad('Via is malformed');
      lines.topVia ??= values[0];
      return undefined;
    }
    case 'From':
    case 'To': {
      const address = parseNameAddr(value);
      if (address === undefined) return bad(name === 'From' ? 'From is malformed' : 'To is malformed');
      if (!isTag(address.params.get('tag'))) return bad('tag is malformed');
      header.value = withQuotedDisplay(value, address.display);
      if (name === 'From') lines.from = address;
      else lines.to = address;
      return undefined;
    }
    case 'Call-ID':
      if (!isCallId(value)) return bad('Call-ID is malformed');
      lines.callId = value;
      return undefined;
    case 'CSeq':
      lines.cseq = parseCSeq(value);
      return lines.cseq === undefined ? bad('CSeq is malformed or not below 2**31') : undefined;
    case 'Max-Forwards':
      return parseDecimal(value, 255) === undefined ? bad('Max-Forwards is not between 0 and 255') : undefined;
    case 'Content-Length':
      lines.contentLength = parseDecimal(value, 0x7fff_ffff);
      return lines.contentLength === undefined ? bad('Content-Length is not a number') : undefined;
    case 'Contact':
      if (value === '*') return undefined;
      return parseNameAddrList(value) === undefined ? bad('Contact is malformed') : undefined;
    case 'Route':
    case 'Record-Route':
      return parseNameAddrList(value) === undefined ? bad('Route or Record-Route is malformed') : undefined;
    default:
      return undefined;
  }
};

/** Reads one header line of `text[start, end)`, already known to be complete with its folded parts. */
const readLine = (
  lines: Lines,
  headers: SipHeader[],
  line: { text: string; start: number; end: number; folded: boolean; suspicious: boolean },
): Fault | undefined => {
  const { text, start, end } = line;
  const colon = text.indexOf(':', start);
  if (colon < 0 || colon >= end) return bad('header line without a colon');
  let nameEnd = colon;
  while (nameEnd > start && isWhitespace(text.charCodeAt(nameEnd - 1))) nameEnd--;
  const written = text.slice(start, nameEnd);
  const name = canonicalName(written);
  if (!isToken(written)) return bad('header name is not a token');
  const header = { name, value: line.folded ? unfold(text, colon + 1, end) : trimmed(text, colon + 1, end) };
  if (line.suspicious && hasStrayControl(header.value)) return bad('control character in a header value');
  const bit = singleFields.get(name) ?? 0;
  if ((lines.seen & bit) !== 0) return bad('header field that may stand once is there twice');
  lines.seen |= bit;
  headers.push(header);
  return readField(lines, header);
};

/** Reads all header lines of `text` from `at` on, up to the limit; the first fault is kept, reading goes on. */
const readLines = (text: string, at: number, suspicious: boolean, headers: SipHeader[], maxCount: number): Lines => {
  const lines: Lines = {
    fault: undefined,
    seen: 0,
    overLimit: false,
    topVia: undefined,
    from: undefined,
    to: undefined,
    callId: undefined,
    cseq: undefined,
    contentLength: undefined,
  };
  let count = 0;
  let start = at;
  while (start < text.length) {
    if (++count > maxCount) {
      lines.overLimit = true;
      break;
    }
    let end = text.indexOf('\r\n', start);
    if (end < 0) end = text.length;
    let folded = false;
    while (isWhitespace(text.charCodeAt(end + 2))) {
      folded = true;
      end = text.indexOf('\r\n', end + 2);
      if (end < 0) end = text.length;
    }
    const fault = readLine(lines, headers, { text, start, end, folded, suspicious });
    lines.fault ??= fault;
    start = end + 2;
  }
  return lines;
};

const missingField = (lines: Lines): Fault | undefined => {
  if (lines.topVia === undefined) return bad('Via is missing');
  if (lines.from === undefined) return bad('From is missing');
  if (lines.to === undefined) return bad('To is missing');
  if (lines.callId === undefined) return bad('Call-ID is missing');
  return lines.cseq === undefined ? bad('CSeq is missing') : undefined;
};

const methodFault = (message: SipMessage, cseqMethod: string | undefined): Fault | undefined => {
  if (message.kind === 'response' || cseqMethod === undefined || cseqMethod === message.method) return undefined;
  const status = registeredMethods.has(message.method) ? 400 : 501;
  return { reason: 'CSeq names another method than the request line', status };
};

const tooLarge: Fault = { reason: 'message exceeds a size limit', status: 513 };

const bodyFault = (
  contentLength: number | undefined,
  bodyStart: number,
  size: number,
  options: ParseOptions,
): Fault | undefined => {
  if (contentLength === undefined) {
    return options.framing === 'stream' ? bad('Content-Length is missing on a stream') : undefined;
  }
  if (bodyStart + contentLength > options.limits.maxMessageBytes) return tooLarge;
  return contentLength > size - bodyStart ? bad('body is shorter than Content-Length') : undefined;
};

const refuse = (fault: Fault, message: SipMessage): ParseFault => {
  const answerable =
    message.kind === 'request' && message.method !== 'ACK' && message.headers.some((h) => h.name === 'Via');
  if (!answerable) return { ok: false, reason: fault.reason, partial: message };
  return { ok: false, reason: fault.reason, status: fault.status, partial: message };
};

/**
 * Parses and validates one SIP message (RFC 3261 sections 7 and 25, RFC 4475), in one pass and within the limits:
 * what lies beyond them is not looked at. Line ends before the start line are skipped (7.5).
 * Accepted: compact and oddly cased names, folding, lists, escapes, IPv6 references, UTF-8, unknown URI schemes.
 */
export const parseSip = (buffer: Buffer, options: ParseOptions = datagramDefaults): ParseResult => {
  const { maxMessageBytes, maxHeaderCount, maxHeaderBytes } = options.limits;
  let start = 0;
  while (buffer[start] === 13 || buffer[start] === 10) start++;
  const found = buffer.indexOf(headerEnd, start);
  const headEnd = found < 0 ? buffer.length : found;
  const overSize = buffer.length > maxMessageBytes || headEnd - start > maxHeaderBytes;
  const head = buffer.subarray(start, Math.min(headEnd, start + maxHeaderBytes));
  const text = decode(head);
  const suspicious = hasControls(head);

  const lineEnd = text.indexOf('\r\n');
  const startText = lineEnd < 0 ? text : text.slice(0, lineEnd);
  const startLine = suspicious && hasStrayControl(startText) ? undefined : parseStartLine(startText);
  if (startLine === undefined) return { ok: false, reason: 'start line is not SIP' };

  const { message } = startLine;
  const lines = readLines(text, startText.length + 2, suspicious, message.headers, maxHeaderCount);
  const bodyStart = headEnd + headerEnd.length;
  const fault =
    (overSize || lines.overLimit ? tooLarge : undefined) ??
    startLine.fault ??
    (found < 0 ? bad('header section does not end') : undefined) ??
    lines.fault ??
    missingField(lines) ??
    methodFault(message, lines.cseq?.method) ??
    bodyFault(lines.contentLength, bodyStart, buffer.length, options);
  const { topVia, from, to, callId, cseq } = lines;
  if (fault !== undefined) return refuse(fault, message);
  if (!topVia || !from || !to || !callId || !cseq) return refuse(bad('mandatory field is missing'), message);

  const bodyEnd = lines.contentLength === undefined ? buffer.length : bodyStart + lines.contentLength;
  message.body = buffer.subarray(bodyStart, bodyEnd);
  const parsed: ParsedSip = {
    message,
    via: topVia,
    callId,
    cseq,
    from,
    to,
    fromTag: from.params.get('tag') ?? '',
    toTag: to.params.get('tag') ?? '',
  };
  return { ok: true, parsed };
};
