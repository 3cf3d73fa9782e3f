/** Names of headers that are written by others than the gateway: of RFC 3261's token, without what some peers mangle. */
export const sipHeaderName = /^[A-Za-z0-9\-.!%*_+`'~]{1,128}$/;
export const printableValue = /^[\x20-\x7e]*$/;

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
 * Why a header that a customer or a caller names is never sent, or null: it is judged by the same rule when it is set up
 * and when it would go out. `gateway`: a name kept for what the gateway tells itself.
 */
export const foreignHeaderFault = (
  name: string,
  value: string,
): 'name' | 'reserved' | 'gateway' | 'empty' | 'not-printable' | null => {
  if (!sipHeaderName.test(name)) return 'name';
  if (isReservedHeader(name)) return 'reserved';
  if (name.toLowerCase().startsWith('x-opencx-')) return 'gateway';
  if (value.trim() === '') return 'empty';
  return printableValue.test(value) ? null : 'not-printable';
};
