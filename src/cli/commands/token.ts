import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { type DashboardRole, dashboardRoles, mintDashboardToken } from '../../platform/access/index.js';
import type { CliContext } from '../context.js';
import { CliError } from '../exit-codes.js';
import { configured, dataDirOf, readIfThere } from '../local-files.js';

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** `90s`, `30m`, `1h`, `7d` in seconds. Throws CliError. */
export const parseTtl = (text: string): number => {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  const seconds = match === null ? 0 : Number(match[1]) * (units[match[2] ?? ''] ?? 0);
  if (seconds < 1 || seconds > 366 * 86_400) {
    throw new CliError('usage', 'The time to live must be a number with s, m, h or d, up to 366d: 90s, 30m, 1h, 7d.');
  }
  return seconds;
};

const secretOf = (context: CliContext): string => {
  const given = context.env.DASHBOARD_JWT_SECRET;
  if (given !== undefined && given !== '') return given;
  const written = configured(context, 'dashboard.jwtSecret');
  if (written !== null) return written;
  if (context.env.DASHBOARD_JWKS_URL || configured(context, 'dashboard.jwksUrl') !== null) {
    throw new CliError(
      'failed',
      'DASHBOARD_JWKS_URL is set: tokens come from that identity provider, this machine cannot mint them.',
    );
  }
  const path = join(dataDirOf(context), 'dashboard-jwt-secret');
  const found = readIfThere(path)?.trim();
  if (found !== undefined && found !== '') return found;
  throw new CliError(
    'notFound',
    `There is no signing secret at ${path}: start the gateway once, set DATA_DIR to its folder, or set DASHBOARD_JWT_SECRET.`,
  );
};

type Options = {
  readonly org?: string;
  readonly role: DashboardRole;
  readonly ttl: string;
  readonly sub: string;
  readonly json?: true;
};

/** `token` mints a dashboard JWT with the secret of the gateway on this machine. */
export const tokenCommand = (program: Command, context: CliContext): void => {
  program
    .command('token')
    .description('Mint a dashboard token with the local secret')
    .option('--org <id>', 'organization; not for operators')
    .addOption(new Option('--role <role>', 'what it may do').choices([...dashboardRoles]).default('admin'))
    .option('--ttl <time>', 'how long it is valid: 90s, 30m, 1h, 7d', '1h')
    .option('--sub <name>', 'who it is for', 'voice-gateway-cli')
    .option('--json', 'print JSON')
    .action(async ({ org, role, ttl, sub, json }: Options) => {
      if (role === 'operator' && org !== undefined) {
        throw new CliError('usage', 'An operator belongs to no organization: leave --org out.');
      }
      if (role !== 'operator' && org === undefined) throw new CliError('usage', `The role ${role} needs --org.`);
      const seconds = parseTtl(ttl);
      const now = Date.now();
      const token = await mintDashboardToken({
        secret: secretOf(context),
        sub,
        org: org ?? null,
        role,
        ttl: seconds,
        now,
      });
      const expires = new Date(Math.floor(now / 1_000) * 1_000 + seconds * 1_000).toISOString();
      context.out(json ? `${JSON.stringify({ token, expires })}\n` : `${token}\n`);
    });
};
