/** What the gateway refuses, as docs/reference/refusals.md tells it. `<…>` in a sentence stands for a value. */
export type RefusalRow = {
  readonly what: string;
  /** A SIP status, or `exit 1`. */
  readonly result: string;
  /** What the log says (`rule` of the line at `warn`), or stderr for a start. */
  readonly sentence: string;
  readonly remedy: string;
};

/** Calls. */
export const callRefusals = {
  unknownSource: {
    what: 'The caller’s address is in no profile',
    result: '403',
    sentence: 'No profile lists the source address <address>.',
    remedy: 'Add the address to `inbound.sources` of the carrier’s profile (`SIP_PROFILES`).',
  },
  unknownNumber: {
    what: 'The called number is in no organization',
    result: '404',
    sentence: 'The called number <number> belongs to no organization.',
    remedy: 'Add it under `numbers` of the organization’s document, or correct the trunk’s routing.',
  },
  unverifiedNumber: {
    what: 'The called number is not verified',
    result: '403',
    sentence: 'The called number <number> is not verified.',
    remedy: 'Verify the number, then set `verified: true`.',
  },
  otherProfile: {
    what: 'The called number belongs to another carrier’s profile',
    result: '403',
    sentence: 'The called number <number> takes calls of profile <profile>, and the caller is of profile <profile>.',
    remedy: 'Set the number’s `profile` to the one of the trunk its calls come over.',
  },
  unreadableNumber: {
    what: 'The called party is not a telephone number',
    result: '404',
    sentence: 'The called party is not a telephone number.',
    remedy: 'See `inbound.called` of the profile: where the number stands and how it is written.',
  },
  noCommonCodec: {
    what: 'No codec of the offer is in the profile',
    result: '488',
    sentence: 'The offer has <codecs> and the profile allows <codecs>.',
    remedy: 'Add a codec to `media.codecs` of the profile, or let the peer offer PCMU or PCMA.',
  },
  portsExhausted: {
    what: 'All RTP ports are in use',
    result: '503, Retry-After',
    sentence: 'No RTP port is free: of <range>, <count> pairs are in use and the others drain.',
    remedy: 'Widen `RTP_PORTS`: two ports for each call, and as many again for those that rest.',
  },
  tooManyCalls: {
    what: 'The limit of calls is reached',
    result: '503, Retry-After',
    sentence: 'The gateway is at its limit of <count> calls.',
    remedy: 'Raise `limits.maxCalls`, or add an instance.',
  },
  organizationCalls: {
    what: 'The organization has as many calls as it may',
    result: '486',
    sentence: 'The organization is at its limit of <count> calls.',
    remedy: 'Raise `limits.maxCallsPerOrganization` or its entry in `limits.maxCallsOf`, on every instance.',
  },
  sessionInterval: {
    what: 'Session-Expires is below our minimum',
    result: '422, Min-SE',
    sentence: 'Session Interval Too Small (Min-SE: <seconds>)',
    remedy: 'Nothing: the peer asks again with the minimum named in the answer (RFC 4028).',
  },
  unknownExtension: {
    what: 'Require names an extension that we do not have',
    result: '420, Unsupported',
    sentence: 'The INVITE requires an extension we do not have: <names>.',
    remedy: 'Nothing: the peer asks again without it (RFC 3261).',
  },
} as const satisfies Readonly<Record<string, RefusalRow>>;

/** Starts. */
export const startRefusals = {
  sipPort: {
    what: 'Another program has the SIP port',
    result: 'exit 1',
    sentence: 'SIP port <point> is in use by another process: EADDRINUSE.',
    remedy: 'Stop the other program, or set `SIP_LISTEN`.',
  },
  sipAddress: {
    what: 'The SIP address is not one of this machine',
    result: 'exit 1',
    sentence: 'SIP address <point> is not an address of this machine: EADDRNOTAVAIL.',
    remedy: 'Set `SIP_LISTEN` to a local address, and `SIP_PUBLIC_ADDRESS` to the one that peers use.',
  },
  rtpAddress: {
    what: 'The media address is not one of this machine',
    result: 'exit 1',
    sentence: 'RTP_ADDRESS: <address> is not an address of this machine.',
    remedy: 'Set `RTP_ADDRESS` to a local address, and `RTP_PUBLIC_ADDRESS` to the one that peers use.',
  },
  wildcard: {
    what: 'SIP listens on every address and no public one is given',
    result: 'exit 1',
    sentence: 'SIP_LISTEN: listens on every address, so SIP_PUBLIC_ADDRESS must say which one peers shall use',
    remedy: 'Set `SIP_PUBLIC_ADDRESS`.',
  },
  httpPort: {
    what: 'Another program has the HTTP port',
    result: 'exit 1',
    sentence:
      'HTTP cannot listen on <point> (HTTP_LISTEN): another program, maybe another gateway, listens there already.',
    remedy: 'Stop the other program, or set `HTTP_LISTEN`.',
  },
  dataDir: {
    what: 'Another gateway uses the data folder',
    result: 'exit 1',
    sentence:
      'Another gateway (process <pid>) uses DATA_DIR <folder>: stop it, or give this one a DATA_DIR of its own.',
    remedy: 'As the sentence says; several instances share a Redis by `REDIS_URL`.',
  },
  noRedis: {
    what: 'There is no redis-server',
    result: 'exit 1',
    sentence:
      'redis-server is not installed: install it with `sudo apt-get install redis-server` (Debian, Ubuntu) or `brew install redis` (macOS), or set REDIS_URL.',
    remedy: 'As the sentence says.',
  },
  tlsUnset: {
    what: 'SIP over TLS without certificate',
    result: 'exit 1',
    sentence: 'SIP_LISTEN: has a tls: address, so SIP_TLS_CERT and SIP_TLS_KEY must name the certificate and key files',
    remedy: 'Set both.',
  },
  tlsMissing: {
    what: 'The certificate or key cannot be read',
    result: 'exit 1',
    sentence: 'SIP_TLS_CERT: the file <file> cannot be read.',
    remedy: 'Correct the path, or the rights of the file.',
  },
  tlsInvalid: {
    what: 'The files hold no certificate and key that belong together',
    result: 'exit 1',
    sentence: 'SIP_TLS_CERT and SIP_TLS_KEY: <file> and <file> are not a PEM certificate and its key.',
    remedy: 'Give the chain in PEM, own certificate first, and its private key.',
  },
  profile: {
    what: 'A SIP profile has a fault',
    result: 'exit 1',
    sentence: 'SIP profile <file>: <path>: <fault>',
    remedy: 'Correct the field named. On SIGHUP the profiles in force stay and the sentence is logged.',
  },
  configuration: {
    what: 'A setting has a fault',
    result: 'exit 1',
    sentence: 'RTP_PORTS: "<value>" is not a port range such as 20000-29999',
    remedy: 'Correct it: [configuration.md](configuration.md).',
  },
} as const satisfies Readonly<Record<string, RefusalRow>>;

/** The sentence as a pattern for the whole of what was said. */
export const patternOf = (row: RefusalRow): RegExp =>
  new RegExp(`^${row.sentence.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/<[^>]+>/g, '[^]+?')}$`);

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
const table = (rows: readonly RefusalRow[]): string =>
  [
    '| what | result | sentence | what to do |',
    '|---|---|---|---|',
    ...rows.map((row) => `| ${cell(row.what)} | ${row.result} | ${cell(row.sentence)} | ${row.remedy} |`),
  ].join('\n');

/** The page as it must be. */
export const refusalsPage = (): string => `# Refusals

What the gateway turns away, what it says, and what to do. \`test/sip/calls/refusals.test.ts\` provokes each of them and keeps
this page in step.

## Calls

A refused call is answered with the status and leaves one line at \`warn\`: message \`call rejected\` (\`request refused by the
engine\` when it broke a rule of SIP itself), the sentence in \`rule\`, beside it \`status\` and \`sipCallId\` or \`callId\`. \`voice_gateway_rejects_total\` counts them by profile and reason.

${table(Object.values(callRefusals))}

While the gateway shuts down, INVITE and OPTIONS get 503 with Retry-After; while Redis does not answer, INVITE does.

## Starts

A start that cannot work prints one sentence to stderr after \`voice-gateway cannot start:\` and ends with exit code 1. It
undoes what it had begun: no port is held and no redis-server is left.

${table(Object.values(startRefusals))}
`;
