/**
 * Header names are case-insensitive and some have one-letter forms (RFC 3261 section 7.3.3 and the IANA registry);
 * inside the engine and on the wire out of it there is one spelling of each.
 */
// biome-ignore format: a list of names reads better in paragraphs.
const longNames = [
  'Accept', 'Accept-Contact', 'Accept-Encoding', 'Accept-Language', 'Alert-Info', 'Allow', 'Allow-Events',
  'Authentication-Info', 'Authorization', 'Call-ID', 'Call-Info', 'Contact', 'Content-Disposition',
  'Content-Encoding', 'Content-Language', 'Content-Length', 'Content-Type', 'CSeq', 'Date', 'Diversion',
  'Error-Info', 'Event', 'Expires', 'Flow-Timer', 'From', 'Geolocation', 'History-Info', 'Identity',
  'Identity-Info', 'In-Reply-To', 'Info-Package', 'Join', 'Max-Forwards', 'MIME-Version', 'Min-Expires', 'Min-SE',
  'Organization', 'P-Access-Network-Info', 'P-Asserted-Identity', 'P-Called-Party-ID', 'P-Charging-Vector',
  'P-Preferred-Identity', 'Path', 'Priority', 'Privacy', 'Proxy-Authenticate', 'Proxy-Authorization',
  'Proxy-Require', 'RAck', 'Reason', 'Record-Route', 'Recv-Info', 'Refer-Sub', 'Refer-To', 'Referred-By',
  'Reject-Contact', 'Remote-Party-ID', 'Replaces', 'Reply-To', 'Request-Disposition', 'Require', 'Retry-After',
  'Route', 'RSeq', 'Server', 'Service-Route', 'Session-Expires', 'SIP-ETag', 'SIP-If-Match', 'Subject',
  'Subscription-State', 'Supported', 'Timestamp', 'To', 'Unsupported', 'User-Agent', 'User-to-User', 'Via',
  'Warning', 'WWW-Authenticate',
];

const compactNames: Readonly<Record<string, string>> = {
  a: 'Accept-Contact',
  b: 'Referred-By',
  c: 'Content-Type',
  d: 'Request-Disposition',
  e: 'Content-Encoding',
  f: 'From',
  i: 'Call-ID',
  j: 'Reject-Contact',
  k: 'Supported',
  l: 'Content-Length',
  m: 'Contact',
  n: 'Identity-Info',
  o: 'Event',
  r: 'Refer-To',
  s: 'Subject',
  t: 'To',
  u: 'Allow-Events',
  v: 'Via',
  x: 'Session-Expires',
  y: 'Identity',
};

const byName = new Map<string, string>();
for (const name of longNames) byName.set(name, name).set(name.toLowerCase(), name);
for (const [letter, name] of Object.entries(compactNames)) byName.set(letter, name).set(letter.toUpperCase(), name);

/** The canonical long name of a header; a name the registry above lacks stays as it was written. */
export const canonicalName = (name: string): string => byName.get(name) ?? byName.get(name.toLowerCase()) ?? name;
