import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { packageRoot } from '../../src/core/entry-path.js';

const root = packageRoot(import.meta.url);

export type ComposeService = {
  readonly image?: string;
  readonly build?: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly user?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly network_mode?: string;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly profiles?: readonly string[];
};

const composeText = (): string => readFileSync(join(root, 'docker-compose.yml'), 'utf8');

/** Names of the variables that docker-compose.yml takes from `.env`. */
export const composeVariables = (): ReadonlySet<string> =>
  new Set([...composeText().matchAll(/\$\{([A-Z0-9_]+)[^}]*\}/g)].map(([, name = '']) => name));

/** The lines of .env.example: names that must be filled in, and names that may be. */
export const exampleEnvironment = (): {
  readonly required: readonly string[];
  readonly optional: readonly string[];
} => {
  const lines = readFileSync(join(root, '.env.example'), 'utf8').split('\n');
  const names = (pattern: RegExp): string[] => lines.flatMap((line) => pattern.exec(line)?.[1] ?? []);
  return { required: names(/^([A-Z0-9_]+)=$/), optional: names(/^#([A-Z0-9_]+)=/) };
};

/** A value that looks like a number is one to YAML, but not to compose, which fills in after it has parsed. */
const inWords = ({ command, environment, ...rest }: ComposeService): ComposeService => ({
  ...rest,
  ...(command === undefined ? {} : { command: command.map(String) }),
  ...(environment === undefined
    ? {}
    : {
        environment: Object.fromEntries(
          Object.entries(environment).map(([name, value]) => [name, String(value ?? '')]),
        ),
      }),
});

/**
 * The services of docker-compose.yml with these settings as its `.env`, interpolated as compose does: `${A:-b}`, `${A:?why}`
 * and `$$`. @throws Error for a required setting that is missing.
 */
export const composeServices = (env: Readonly<Record<string, string>>): Readonly<Record<string, ComposeService>> => {
  const text = composeText().replace(/\$\$|\$\{([A-Z0-9_]+)(?::([-?])([^}]*))?\}/g, (whole, name, kind, rest) => {
    if (whole === '$$') return '$';
    const value = env[name] ?? '';
    if (value !== '') return value;
    if (kind === '?') throw new Error(`${name} ${rest}`);
    return kind === '-' ? rest : '';
  });
  const { services } = parse(text, { merge: true }) as { services: Record<string, ComposeService> };
  return Object.fromEntries(Object.entries(services).map(([name, service]) => [name, inWords(service)]));
};
