import { z } from 'zod';
import { configSchema, environment } from './config.js';

type JsonSchema = {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly JsonSchema[];
};

/** A setting as the schema has it. */
export type SettingRow = {
  /** Place in gateway.yaml. */
  readonly path: string;
  /** Name in the environment; null: it can be set in the file only. */
  readonly name: string | null;
  /** What it is when nothing sets it; null: not set. */
  readonly fallback: string | null;
  readonly meaning: string;
};

const meanings: Readonly<Record<string, string>> = {
  'redis.url':
    'an external Redis: `redis://` or `rediss://` (TLS), several separated by commas for a Redis Cluster, or `sentinel://host:port,…/name`; none: the embedded one',
  'livekit.url': 'LiveKit server',
  'livekit.apiKey': 'LiveKit API key',
  'livekit.apiSecret': 'LiveKit API secret',
  'twilio.accountSid': 'Twilio account',
  'twilio.authToken': 'Twilio auth token',
  'dashboard.jwtSecret': 'verifies dashboard JWTs (HS256); generated into the data folder at first start',
  'dashboard.jwksUrl': 'or the URL of the keys that do',
  logLevel: 'lowest level that is logged',
  logPii: 'what was said in calls, the `pii` field of a line: kept in the log or left out',
};

const envNames = new Map<string, string>(Object.entries(environment).map(([name, path]) => [path, name]));

const rowsOf = (schema: JsonSchema, prefix: string): SettingRow[] =>
  Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    if (value.properties !== undefined) return rowsOf(value, path);
    return [
      {
        path,
        name: envNames.get(path) ?? null,
        fallback: value.default === undefined ? null : String(value.default),
        meaning: [
          meanings[path] ?? value.description ?? '',
          value.enum === undefined ? '' : `one of ${value.enum.join(', ')}`,
        ]
          .filter((part) => part !== '')
          .join('; '),
      },
    ];
  });

/** Every setting, in the order of the schema that checks the configuration. */
export const settingRows = (): readonly SettingRow[] =>
  rowsOf(z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as JsonSchema, '');

/** The configuration page of the reference, made from the schema that checks the configuration. */
export const configReference = (): string => {
  const code = (text: string | null): string => (text === null ? '' : `\`${text || '(empty)'}\``);
  const rows = settingRows().map(
    ({ path, name, fallback, meaning }) =>
      `| ${code(path)} | ${code(name)} | ${code(fallback)} | ${meaning.replaceAll('|', '\\|')} |`,
  );
  return `# Configuration

Settings come from \`gateway.yaml\` (its path: \`VOICE_GATEWAY_CONFIG\`, default \`./gateway.yaml\` if present) and from the
environment, which wins. A key that is not listed here, or settings that contradict each other, refuse to start with a
sentence that names them. Nothing has to be set: the defaults listen on loopback alone.

| key in gateway.yaml | environment | default | meaning |
|---|---|---|---|
${rows.join('\n')}

A listen address of \`0.0.0.0\` or \`::\` needs the matching public address (\`SIP_PUBLIC_ADDRESS\`, \`RTP_PUBLIC_ADDRESS\`,
\`PUBLIC_URL\`), since peers must be told where to answer. With \`REDIS_URL\`, \`ENCRYPTION_KEYS\` and a dashboard secret must be
set: every instance needs the same.
`;
};
