/** What judges the files of deployment: where scripts/linters.sh has put it, or else on PATH. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'voice-gateway');
/** Nothing else of this machine: compose would fill it in, and helm take it for settings. */
const env = { HOME: homedir(), PATH: [join(cache, 'bin'), process.env.PATH].join(delimiter) };

export type LinterRun = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

/** Runs a program to its end; `status` is null when there is none of that name. */
export const runLinter = (
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly input?: string } = {},
): LinterRun => spawnSync(program, args, { ...options, env, encoding: 'utf8' });

/** Whether the program answers to `args`; where it does not, the sentence says what is skipped. */
export const hasLinter = (program: string, args: readonly string[], otherwise: string): boolean => {
  if (runLinter(program, args).status === 0) return true;
  console.info(`${otherwise}: no ${program} on this machine, which scripts/linters.sh installs`);
  return false;
};

/** Folders with the strict JSON schemas of Kubernetes, by version, oldest first; each file is `kind-group-version.json`. */
export const kubernetesSchemas = (): readonly { readonly version: string; readonly folder: string }[] => {
  const all = join(cache, 'kubernetes-schemas');
  if (!existsSync(all)) return [];
  return readdirSync(all)
    .flatMap((name) => {
      const [, version] = /^v(\d+\.\d+\.\d+)-local-strict$/.exec(name) ?? [];
      return version === undefined ? [] : [{ version, folder: join(all, name) }];
    })
    .sort((a, b) => a.version.localeCompare(b.version, 'en', { numeric: true }));
};
