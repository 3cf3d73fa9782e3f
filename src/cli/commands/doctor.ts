import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { type Client, createClient, isLoopback } from '../client.js';
import { painter } from '../colour.js';
import type { CliContext } from '../context.js';
import { CliError } from '../exit-codes.js';
import { withProgress } from '../progress.js';
import { type ConfigReport, faultsIn, readConfig } from '../read-config.js';
import { printable } from '../table.js';

type Finding = {
  readonly name: string;
  /** False keeps calls from working. */
  readonly ok: boolean;
  readonly says: string;
  /** It may keep some calls from working. */
  readonly warning?: true;
};

const onPath = (context: CliContext, program: string): string | null => {
  for (const folder of [...(context.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here; the next folder may have it.
    }
  }
  return null;
};

const node = (): Finding => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > 20 || (major === 20 && minor >= 19);
  return { name: 'node', ok, says: ok ? process.version : `${process.version} is too old: 20.19 or newer is needed` };
};

/**
 * What a start on this machine would need. While a gateway runs, the Redis it has is looked at by the gateway itself, and
 * what this shell does not set may well be set where it was started.
 */
const startHere = async (context: CliContext, running: boolean): Promise<Finding[]> => {
  let report: ConfigReport;
  try {
    ({ report } = await readConfig(context));
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return [{ name: 'config', ok: false, says: error.message }];
  }
  const faults = faultsIn(report);
  const set = report.settings.filter(({ source }) => source === 'environment' || source === 'gateway.yaml').length;
  const fine = set === 0 ? 'nothing is set: everything has its default' : `${set} settings, nothing is wrong with them`;
  const broken = `${faults.join('; ')} (voice-gateway config check)`;
  const config: Finding = {
    ...{ name: 'config', ok: faults.length === 0 || running, says: faults.length === 0 ? fine : broken },
    ...(faults.length > 0 && running ? { warning: true } : {}),
  };
  if (running) return [config];
  const redis = report.settings.find(({ name }) => name === 'REDIS_URL');
  const elsewhere = redis !== undefined && redis.value !== null;
  const found = elsewhere ? `not needed: REDIS_URL is set (${redis.source})` : onPath(context, 'redis-server');
  const missing = 'is missing: install it (apt-get install redis-server, brew install redis) or set REDIS_URL';
  return [config, { name: 'redis-server', ok: found !== null, says: found ?? missing }];
};

/** Whether the gateway that is asked is, or would be, on this machine. */
const isHere = ({ env }: CliContext): boolean =>
  !env.VOICE_GATEWAY_URL ||
  (URL.canParse(env.VOICE_GATEWAY_URL) && isLoopback(new URL(env.VOICE_GATEWAY_URL).hostname));

const readiness = z.object({
  ready: z.boolean(),
  version: z.string(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), reason: z.string().optional() })),
});

const checksSchema = z.object({
  items: z.array(z.object({ name: z.string(), state: z.enum(['ok', 'warning', 'failed']), says: z.string() })),
});

/** ms the gateway's own look at the outside may take: silence of many peers adds up. */
const PATIENCE = 120_000;

/** What only the gateway sees: its addresses, the SIP destinations, the carriers. Operators alone may ask. */
const outside = async (client: Client): Promise<Finding[]> => {
  try {
    const answer = await client.json('/v1/system/checks', { method: 'POST', patience: PATIENCE });
    return checksSchema.parse(answer).items.map(({ name, state, says }) => ({
      ...{ name, ok: state !== 'failed', says },
      ...(state === 'warning' ? { warning: true as const } : {}),
    }));
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    if (error.exit !== 'refused') return [{ name: 'checks', ok: false, says: error.message }];
    const says = 'destinations and carriers are looked at for operators only';
    return [{ name: 'checks', ok: true, says, warning: true }];
  }
};

const gateway = async (context: CliContext): Promise<Finding[]> => {
  let client: Client;
  try {
    client = createClient(context);
    await client.text('/livez');
  } catch (error) {
    if (error instanceof CliError) return [{ name: 'gateway', ok: false, says: error.message }];
    throw error;
  }
  const found: Finding[] = [{ name: 'gateway', ok: true, says: `answers at ${client.url}` }];
  // Not by the client: 503 is an answer here, with the same body.
  const answer = await fetch(new URL('/readyz', client.url), { signal: context.signal });
  const state = readiness.safeParse(await answer.json());
  for (const check of state.success ? state.data.checks : []) {
    found.push({ name: check.name, ok: check.ok, says: check.reason ?? (check.ok ? 'works' : 'does not work') });
  }
  try {
    const { items } = z.object({ items: z.array(z.unknown()) }).parse(await client.json('/v1/organizations'));
    found.push({ name: 'credential', ok: true, says: 'is accepted' });
    found.push({
      name: 'organizations',
      ok: items.length > 0,
      says: items.length > 0 ? String(items.length) : 'none yet: voice-gateway apply -f examples/org.yaml',
    });
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    found.push({ name: 'credential', ok: false, says: error.message });
    return found;
  }
  return [...found, ...(await outside(client))];
};

/** `doctor` looks at this machine and the gateway and says what keeps calls from working. */
export const doctorCommand = (program: Command, context: CliContext): void => {
  program
    .command('doctor')
    .description('Look for what keeps calls from working')
    .option('--json', 'print JSON')
    .action(async (options: { readonly json?: true }) => {
      const findings = await withProgress(context, 'Looking at destinations and carriers', async () => {
        const there = await gateway(context);
        const running = there.some(({ name, ok }) => name === 'gateway' && ok);
        return [node(), ...(isHere(context) ? await startHere(context, running) : []), ...there];
      });
      const width = Math.max(...findings.map((finding) => finding.name.length));
      const paint = painter(context);
      const mark = ({ ok, warning }: Finding): string => {
        if (!ok) return paint('FAIL', 'red');
        return warning ? paint('warn', 'yellow') : paint('ok  ', 'green');
      };
      const lines = findings.map(
        (finding) => `${mark(finding)}  ${printable(finding.name).padEnd(width)}  ${printable(finding.says)}\n`,
      );
      context.out(options.json ? `${JSON.stringify(findings, null, 2)}\n` : lines.join(''));
      const bad = findings.filter((finding) => !finding.ok);
      if (bad.length > 0)
        throw new CliError(
          'failed',
          bad.length === 1 ? 'One thing needs attention.' : `${bad.length} things need attention.`,
        );
    });
};
