/** Entry of `voice-gateway config check`: what a start would make of environment and gateway.yaml, as JSON on stdout. */
import { join } from 'node:path';
import { packageRoot } from '../core/entry-path.js';
import { GatewayError } from '../core/errors.js';
import { checkFiles } from './check-files.js';
import { readConfigFile } from './config-file.js';
import { configReport } from './config-report.js';

const { env } = process;
const profiles = join(packageRoot(import.meta.url), 'sip-profiles');
const report = async () => {
  try {
    const { settings, faults, config } = configReport({ env, file: readConfigFile(env), cwd: process.cwd() });
    return { settings, faults: [...faults, ...(config === null ? [] : await checkFiles({ config, profiles, env }))] };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { settings: [], faults: [{ path: 'gateway.yaml', message: error.message }] };
  }
};
process.stdout.write(`${JSON.stringify(await report())}\n`);
