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

const token = /^[A-Za-z0-9\-.!%*_+`'~]{1,128}$/;
const printable = /^[\x20-\x7e]*$/;

/**
 * Headers that steer the call: routing, identity, authentication, timers, negotiation and content, with their compact
 * forms (RFC 3261 section 7.3.3 and the registry of SIP header fields). None is a customer's or a caller's to set.
 */
const reserved = new Set(
  `via v from f to t call-id i cseq contact m max-forwards route record-route path service-route flow-timer
  identity identity-info y date privacy p-asserted-identity p-preferred-identity p-asserted-service remote-party-id diversion
  history-info referred-by b refer-to r refer-sub replaces join target-dialog in-reply-to reply-to organization
  authorization proxy-authorization proxy-authenticate www-authenticate authentication-info proxy-authentication-info
  security-client security-server security-verify session-expires x min-se expires min-expires timestamp retry-after
  rseq rack require supported k proxy-require unsupported allow allow-events u event o subscription-state
  accept accept-contact a accept-encoding accept-language accept-resource-priority reject-contact j request-disposition d
  content-type c content-length l content-encoding e content-disposition content-language content-id mime-version
  subject s user-agent server reason warning error-info alert-info call-info answer-mode priv-answer-mode
  geolocation geolocation-routing geolocation-error sip-etag sip-if-match suppress-if-match info-package recv-info
  max-breadth permission-missing trigger-consent p-access-network-info p-charging-vector p-charging-function-addresses
  n`.split(/\s+/),
);

/** True when a header of this name would steer the call instead of telling something about it. */
export const isReservedHeader = (name: string): boolean => {
  const lower = name.toLowerCase();
  return reserved.has(lower) || lower.startsWith('x-twilio');
};

/**
 * The headers that can be sent as they are, in order, and those that cannot. A value is never changed to fit: whoever
 * reads it at the other end must be able to trust it (transfer.md T2). Of two headers of one name the first stays.
 */
export const sendableHeaders = (
  wanted: readonly HeaderToSend[],
): {
  readonly headers: Readonly<Record<string, string>>;
  readonly dropped: readonly DroppedHeader[];
  /** Bytes of the limit that are not used. */
  readonly left: number;
} => {
  const headers: Record<string, string> = {};
  const dropped: DroppedHeader[] = [];
  const seen = new Set<string>();
  let left = headerBudget;
  for (const header of wanted) {
    const reason = faultOf(header, seen, left);
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

const faultOf = (header: HeaderToSend, seen: ReadonlySet<string>, left: number): DropReason | null => {
  const lower = header.name.toLowerCase();
  if (!token.test(header.name)) return 'name';
  if (isReservedHeader(lower) || (!header.ours && lower.startsWith('x-opencx-'))) return 'reserved';
  if (seen.has(lower)) return 'duplicate';
  if (header.value.trim() === '') return 'empty';
  if (!printable.test(header.value)) return 'not-printable';
  return sizeOfHeader(header) > left ? 'too-long' : null;
};
