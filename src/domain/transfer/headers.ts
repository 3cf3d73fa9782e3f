import { isReservedHeader, printableValue as printable, sipHeaderName as token } from '../../core/sip-headers.js';

export { isReservedHeader };

export type HeaderToSend = {
  readonly name: string;
  readonly value: string;
  /** Written by the gateway itself: the names kept for it are allowed. */
  readonly ours: boolean;
};

export const dropReasons = ['name', 'reserved', 'duplicate', 'empty', 'not-printable', 'too-long'] as const;
export type DropReason = (typeof dropReasons)[number];
export type DroppedHeader = { readonly name: string; readonly reason: DropReason };

/** Limit of all names and values together, bytes: Twilio refuses more (error 21227). */
export const headerBudget = 1_024;

/** The name that Zendesk links a call to its ticket by, whichever profile a line is called with. */
const zendeskTicket = 'x-zendesk-ticket-id';

/**
 * The headers that can be sent as they are, in order, and those that cannot. A value is never changed to fit: whoever
 * reads it at the other end must be able to trust it (transfer.md T2). Of two headers of one name the first stays.
 * `kept`: further names, in any case, that none but the gateway may send: whoever asks for a transfer must not choose the
 * ticket it is about.
 */
export const sendableHeaders = (
  wanted: readonly HeaderToSend[],
  kept: readonly string[] = [],
): {
  readonly headers: Readonly<Record<string, string>>;
  readonly dropped: readonly DroppedHeader[];
  /** Bytes of the limit that are not used. */
  readonly left: number;
} => {
  const headers: Record<string, string> = {};
  const dropped: DroppedHeader[] = [];
  const seen = new Set<string>();
  const keptNames = new Set(kept.map((name) => name.toLowerCase()));
  let left = headerBudget;
  for (const header of wanted) {
    const reason = faultOf(header, seen, keptNames, left);
    if (reason !== null) {
      // The name may be hostile itself, and it goes onto the timeline.
      dropped.push({ name: token.test(header.name) ? header.name : '(not a header name)', reason });
      continue;
    }
    seen.add(header.name.toLowerCase());
    headers[header.name] = header.value;
    left -= sizeOfHeader(header);
  }
  return { headers, dropped, left };
};

/** Bytes on the wire: colon, space and line end are sent too. */
export const sizeOfHeader = ({ name, value }: Pick<HeaderToSend, 'name' | 'value'>): number =>
  name.length + value.length + 4;

const faultOf = (
  header: HeaderToSend,
  seen: ReadonlySet<string>,
  kept: ReadonlySet<string>,
  left: number,
): DropReason | null => {
  const lower = header.name.toLowerCase();
  if (!token.test(header.name)) return 'name';
  if (isReservedHeader(lower) || (!header.ours && lower.startsWith('x-opencx-'))) return 'reserved';
  if (seen.has(lower)) return 'duplicate';
  if (!header.ours && (lower === zendeskTicket || kept.has(lower))) return 'reserved';
  if (header.value.trim() === '') return 'empty';
  if (!printable.test(header.value)) return 'not-printable';
  return sizeOfHeader(header) > left ? 'too-long' : null;
};
