import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { type Fault, GatewayError } from '../core/errors.js';
import {
  addressRanges,
  endpoint,
  endpointList,
  headerList,
  hostNames,
  isLoopback,
  isWildcard,
  listenPoint,
  portRange,
  type SipListenPoint,
  serverList,
  sipListen,
  tlsFiles,
  tlsFilesAt,
} from './config-values.js';
import { defaultHttpListen } from './http-listen.js';

/** One setting's environment name and its place in gateway.yaml. The environment wins over the file. */
export const environment = {
  DATA_DIR: 'dataDir',
  HTTP_LISTEN: 'http.listen',
  PUBLIC_URL: 'http.publicUrl',
  HTTP_TRUSTED_PROXIES: 'http.trustedProxies',
  HTTP_ALLOWED_HOSTS: 'http.allowedHosts',
  SIP_LISTEN: 'sip.listen',
  SIP_DOMAIN: 'sip.domain',
  SIP_PUBLIC_ADDRESS: 'sip.publicAddress',
  SIP_TLS_CERT: 'sip.tls.cert',
  SIP_TLS_KEY: 'sip.tls.key',
  SIP_TLS_CA: 'sip.tls.ca',
  SIP_PROFILES: 'sip.profiles',
  RTP_ADDRESS: 'rtp.address',
  RTP_PORTS: 'rtp.ports',
  RTP_PUBLIC_ADDRESS: 'rtp.publicAddress',
  REDIS_URL: 'redis.url',
  DRACHTIO_HOST: 'drachtio.host',
  DRACHTIO_PORT: 'drachtio.port',
  DRACHTIO_SECRET: 'drachtio.secret',
  DRACHTIO_AUTHORITIES: 'drachtio.authorities',
  DRACHTIO_LISTEN: 'drachtio.listen',
  DRACHTIO_PEERS: 'drachtio.peers',
  LIVEKIT_URL: 'livekit.url',
  LIVEKIT_API_KEY: 'livekit.apiKey',
  LIVEKIT_API_SECRET: 'livekit.apiSecret',
  RTPENGINE: 'rtpengine',
  TWILIO_ACCOUNT_SID: 'twilio.accountSid',
  TWILIO_AUTH_TOKEN: 'twilio.authToken',
  DASHBOARD_JWT_SECRET: 'dashboard.jwtSecret',
  DASHBOARD_JWKS_URL: 'dashboard.jwksUrl',
  ENCRYPTION_KEYS: 'encryptionKeys',
  EGRESS_ALLOW: 'egress.allow',
  EGRESS_AUTHORITIES: 'egress.authorities',
  LOG_LEVEL: 'logLevel',
  LOG_PII: 'logPii',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'traces.endpoint',
  OTEL_EXPORTER_OTLP_HEADERS: 'traces.headers',
  HOMER_ADDRESS: 'homer.address',
  HOMER_PORT: 'homer.port',
  HOMER_KEY: 'homer.key',
} as const;
export type EnvironmentName = keyof typeof environment;

const text = z.string().trim().min(1, 'must not be empty');
const wholeNumber = (from: number, to: number) => z.coerce.number().int().min(from).max(to);

/** The shape of gateway.yaml; every key may be left out. */
export const configSchema = z.strictObject({
  dataDir: text.default('./data').describe('embedded Redis, keys, recordings'),
  http: z
    .strictObject({
      listen: endpoint.prefault(defaultHttpListen).describe('API and console'),
      publicUrl: z
        .url({ protocol: /^https?$/ })
        .optional()
        .describe('base of the webhook URL handed out'),
      trustedProxies: addressRanges
        .optional()
        .describe(
          'proxies in front of the API, comma-separated addresses or CIDR blocks: what they say in X-Forwarded-For is believed; none: nobody is',
        ),
      allowedHosts: hostNames
        .optional()
        .describe('further names, comma-separated, under which the API answers besides that of PUBLIC_URL'),
    })
    .prefault({}),
  sip: z
    .strictObject({
      listen: sipListen
        .prefault('udp:127.0.0.1:5060,tcp:127.0.0.1:5060')
        .describe(
          'where the embedded SIP engine listens: udp:, tcp: or tls: followed by host:port; with drachtio-servers: where those do, which Twilio is told',
        ),
      domain: text
        .optional()
        .describe('host part of our From and Contact; peers resolve it, so it must lead to this instance'),
      publicAddress: text.optional().describe('written into Via and Contact (cloud NAT), and what Twilio is told'),
      tls: tlsFiles.optional(),
      profiles: text.optional().describe('a folder whose profiles add to or replace the shipped ones'),
    })
    .prefault({}),
  rtp: z
    .strictObject({
      address: text.default('127.0.0.1').describe('where media is received'),
      ports: portRange.prefault('20000-29999').describe('range of RTP and RTCP ports'),
      publicAddress: text.optional().describe('written into SDP (cloud NAT)'),
      workers: wholeNumber(1, 64).optional().describe('media worker threads; default: processors less one'),
    })
    .prefault({}),
  redis: z
    .strictObject({
      url: z
        .string()
        .regex(
          /^(rediss?|unix|sentinels?):\/\//,
          'must begin with redis://, rediss://, sentinel://, sentinels:// or unix://',
        ),
    })
    .optional(),
  drachtio: z
    .strictObject({
      host: serverList
        .optional()
        .describe(
          'external drachtio-servers, comma-separated: host, host:port or tls:host:port; none: the embedded engine',
        ),
      port: wholeNumber(1, 65_535).default(9022).describe('admin port of those named without one'),
      secret: text.default('cymru').describe('their admin secret'),
      authorities: text.optional().describe("PEM file of the authorities of their tls: ports; default: the system's"),
      listen: listenPoint
        .optional()
        .describe(
          'where drachtio-servers connect to us (their outbound mode): host:port, or tls:host:port with SIP_TLS_CERT',
        ),
      peers: addressRanges
        .prefault('127.0.0.0/8,::1')
        .describe('addresses that may connect to DRACHTIO_LISTEN, comma-separated'),
    })
    .optional(),
  livekit: z
    .strictObject({
      url: z.url({ protocol: /^(wss?|https?)$/ }),
      apiKey: text,
      apiSecret: text,
      reconnectWithin: wholeNumber(1, 120)
        .default(15)
        .describe('seconds a call may be without LiveKit before its agent counts as lost'),
      callsPerChild: wholeNumber(1, 200).default(25).describe('calls one child process holds'),
      callsBeforeRestart: wholeNumber(1, 1_000_000)
        .default(500)
        .describe('after so many calls a child process is replaced, once it is empty'),
      memoryBeforeRestart: wholeNumber(128, 65_536).default(600).describe('or beyond so much resident memory, MiB'),
    })
    .optional(),
  rtpengine: endpointList
    .optional()
    .describe(
      'rtpengines that take the media of transferred calls, comma-separated host:port of their ng ports (UDP); none: the gateway itself',
    ),
  twilio: z
    .strictObject({
      accountSid: text,
      authToken: text,
      apiUrl: z
        .url({ protocol: /^https?$/ })
        .optional()
        .describe("asked instead of Twilio's own hosts, such as a proxy; http: only on a loopback-only gateway"),
    })
    .optional(),
  dashboard: z.strictObject({ jwtSecret: text.optional(), jwksUrl: z.url().optional() }).prefault({}),
  encryptionKeys: text.optional().describe('kid:base64,kid:base64; the first encrypts'),
  egress: z
    .strictObject({
      allow: z.string().default('').describe("operator's allow-list: host|cidr|port, comma-separated"),
      authorities: text.optional().describe("PEM file of authorities that are trusted besides the system's"),
    })
    .prefault({}),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  logPii: z.enum(['keep', 'omit']).default('keep'),
  traces: z
    .strictObject({
      endpoint: z
        .url({ protocol: /^https?$/ })
        .optional()
        .describe('OTLP/HTTP collector that gets a trace of each call, such as http://127.0.0.1:4318; none: no traces'),
      headers: headerList.prefault('').describe('sent to it: name=value, comma-separated, values percent-encoded'),
      ratio: z.coerce.number().min(0).max(1).default(1).describe('share of calls that are traced'),
    })
    .prefault({}),
  homer: z
    .strictObject({
      address: text
        .optional()
        .describe('name or address of Homer, which the embedded engine sends every SIP message (HEP 3 over UDP)'),
      port: wholeNumber(1, 65_535).default(9060).describe('its HEP port'),
      id: wholeNumber(1, 4_294_967_295).default(102).describe('number of this capture agent'),
      key: text.optional().describe("Homer's key for agents, where it asks for one"),
    })
    .prefault({}),
  limits: z
    .strictObject({
      maxCalls: wholeNumber(1, 100_000).default(2_000).describe('calls at once on this instance'),
      maxCallsPerOrganization: wholeNumber(1, 1_000_000)
        .optional()
        .describe('calls at once of one organization, over all instances; none: no limit. The same on every instance'),
      maxCallsOf: z
        .record(text, wholeNumber(0, 1_000_000))
        .optional()
        .describe('organization id → its own limit instead of maxCallsPerOrganization'),
      maxCallDuration: wholeNumber(1, 864_000).default(14_400).describe('seconds'),
      drainTimeout: wholeNumber(0, 86_400).default(600).describe('seconds SIGTERM waits for calls'),
      ringTimeout: wholeNumber(1, 600).default(180).describe("seconds an AI's leg may take to be ready"),
      prefetchUrlLifetime: wholeNumber(3_600, 315_360_000)
        .default(31_536_000)
        .describe('seconds a webhook URL for Zendesk is good for'),
      sessionRetention: wholeNumber(60, 315_360_000).default(2_592_000).describe('seconds ended sessions are kept'),
    })
    .prefault({}),
});

export type Config = Omit<z.infer<typeof configSchema>, 'http'> & {
  readonly http: Omit<z.infer<typeof configSchema>['http'], 'publicUrl'> & { readonly publicUrl: string };
};

type Plain = { [key: string]: unknown };
const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const setAt = (target: Plain, path: string, value: string): void => {
  const keys = path.split('.');
  const last = keys.pop() ?? path;
  let at = target;
  for (const key of keys) {
    const next = at[key];
    at[key] = isPlain(next) ? { ...next } : {};
    at = at[key] as Plain;
  }
  at[last] = value;
};

const envNameOf = (path: string): string | undefined =>
  Object.entries(environment).find(([, place]) => place === path || path.startsWith(`${place}.`))?.[0];

/**
 * Checks configuration from file and environment as one. `file` is the parsed gateway.yaml (null: there is none);
 * relative paths count from `cwd`. Throws GatewayError config_invalid whose details name every fault.
 */
export const readConfig = (input: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly file: unknown;
  readonly cwd: string;
}): Config => {
  if (input.file !== null && input.file !== undefined && !isPlain(input.file)) {
    throw new GatewayError('config_invalid', 'gateway.yaml must be a mapping of settings.');
  }
  const raw: Plain = { ...(input.file ?? {}) };
  for (const [name, path] of Object.entries(environment)) {
    const value = input.env[name];
    if (value !== undefined && value !== '') setAt(raw, path, value);
  }
  const result = configSchema.safeParse(raw);
  if (!result.success) {
    throw invalid(
      result.error.issues.map((issue) => {
        const path = issue.path.join('.');
        const name = envNameOf(path);
        return {
          path: name ?? (path || 'gateway.yaml'),
          message:
            issue.code === 'invalid_type' && issue.message.includes('received undefined')
              ? 'is missing'
              : issue.message,
        };
      }),
    );
  }
  const config = result.data;
  const contradictions = contradictionsOf(config);
  if (contradictions.length > 0) throw invalid(contradictions);
  const at = (path: string): string => (isAbsolute(path) ? path : join(input.cwd, path));
  const { host, port } = config.http.listen;
  return {
    ...config,
    dataDir: at(config.dataDir),
    egress: {
      ...config.egress,
      ...(config.egress.authorities === undefined ? {} : { authorities: at(config.egress.authorities) }),
    },
    ...(config.drachtio?.authorities === undefined
      ? {}
      : { drachtio: { ...config.drachtio, authorities: at(config.drachtio.authorities) } }),
    sip: {
      ...config.sip,
      ...(config.sip.tls === undefined ? {} : { tls: tlsFilesAt(config.sip.tls, at) }),
      ...(config.sip.profiles === undefined ? {} : { profiles: at(config.sip.profiles) }),
    },
    http: {
      ...config.http,
      publicUrl: (config.http.publicUrl ?? `http://${host.includes(':') ? `[${host}]` : host}:${port}`).replace(
        /\/+$/,
        '',
      ),
    },
  };
};

const invalid = (details: readonly Fault[]): GatewayError =>
  new GatewayError('config_invalid', details.map((fault) => `${fault.path}: ${fault.message}`).join('; '), { details });

/** True when SIP comes from drachtio-servers, whichever side connects: there is no engine of ours then. */
export const hasExternalServer = ({ drachtio }: Pick<Config, 'drachtio'>): boolean =>
  drachtio?.host !== undefined || drachtio?.listen !== undefined;

/** What calls may be at once and how long, as the domain takes it: durations in ms. */
export const callLimits = ({ limits }: Pick<Config, 'limits'>) => {
  const own = new Map(Object.entries(limits.maxCallsOf ?? {}));
  return {
    maxCalls: limits.maxCalls,
    maxCallsOf: (orgId: string): number | null => own.get(orgId) ?? limits.maxCallsPerOrganization ?? null,
    maxCallDuration: limits.maxCallDuration * 1_000,
  };
};

const contradictionsOf = (config: z.infer<typeof configSchema>): Fault[] => {
  const faults: Fault[] = [];
  const listen: readonly SipListenPoint[] = config.sip.listen;
  const external = hasExternalServer(config);
  const needTls = listen.some((point) => point.transport === 'tls');
  if (needTls && config.sip.tls === undefined && !external) {
    faults.push({
      path: 'SIP_LISTEN',
      message: 'has a tls: address, so SIP_TLS_CERT and SIP_TLS_KEY must name the certificate and key files',
    });
  }
  if (!external && listen.some((p) => isWildcard(p.host)) && config.sip.publicAddress === undefined) {
    faults.push({
      path: 'SIP_LISTEN',
      message: 'listens on every address, so SIP_PUBLIC_ADDRESS must say which one peers shall use',
    });
  }
  if (config.drachtio?.listen?.tls === true && config.sip.tls === undefined) {
    faults.push({
      path: 'DRACHTIO_LISTEN',
      message: 'is a tls: address, so SIP_TLS_CERT and SIP_TLS_KEY must name the certificate and key files',
    });
  }
  if (isWildcard(config.rtp.address) && config.rtp.publicAddress === undefined) {
    faults.push({
      path: 'RTP_ADDRESS',
      message: 'receives on every address, so RTP_PUBLIC_ADDRESS must say which one goes into SDP',
    });
  }
  if (isWildcard(config.http.listen.host) && config.http.publicUrl === undefined) {
    faults.push({
      path: 'HTTP_LISTEN',
      message: 'listens on every address, so PUBLIC_URL must say how the gateway is reached',
    });
  }
  if (config.dashboard.jwtSecret !== undefined && config.dashboard.jwksUrl !== undefined) {
    faults.push({ path: 'DASHBOARD_JWT_SECRET', message: 'is set together with DASHBOARD_JWKS_URL; use one of them' });
  }
  if (config.redis !== undefined && config.encryptionKeys === undefined) {
    faults.push({
      path: 'ENCRYPTION_KEYS',
      message: 'must be set with REDIS_URL, since every instance needs the same keys',
    });
  }
  if (
    config.redis !== undefined &&
    config.dashboard.jwtSecret === undefined &&
    config.dashboard.jwksUrl === undefined
  ) {
    faults.push({
      path: 'DASHBOARD_JWT_SECRET',
      message: 'or DASHBOARD_JWKS_URL must be set with REDIS_URL, since every instance needs the same',
    });
  }
  return faults;
};

/**
 * True when only programs of this machine reach the API. A listener on loopback is not enough: the proxy in front of it is
 * a program of this machine too, and PUBLIC_URL tells that there is one.
 */
export const httpLoopback = ({ http }: Pick<Config, 'http'>): boolean =>
  isLoopback(http.listen.host) && isLoopback(new URL(http.publicUrl).hostname.replace(/^\[(.*)\]$/, '$1'));

/** True when HTTP and SIP listen on loopback alone: a development machine (actions.md A6, interfaces.md I2). */
export const loopbackOnly = (config: Config): boolean =>
  isLoopback(config.http.listen.host) &&
  !hasExternalServer(config) &&
  config.sip.listen.every((point: SipListenPoint) => isLoopback(point.host));
