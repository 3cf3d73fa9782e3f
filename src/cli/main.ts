#!/usr/bin/env node
import { text } from 'node:stream/consumers';
import { callCommand } from './call/command.js';
import { demoCommand } from './demo/command.js';
import { runCli } from './program.js';

const stop = new AbortController();
process.once('SIGINT', () => stop.abort('SIGINT'));
process.once('SIGTERM', () => stop.abort('SIGTERM'));
// A reader that has seen enough (`| head`) closes the pipe; that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const context = {
  env: process.env,
  cwd: process.cwd(),
  out: (output: string) => void process.stdout.write(output),
  err: (output: string) => void process.stderr.write(output),
  readStdin: () => text(process.stdin),
  signal: stop.signal,
  ...(process.stdout.isTTY
    ? { terminal: { rows: process.stdout.rows ?? 24, colour: !process.env.NO_COLOR && process.env.TERM !== 'dumb' } }
    : {}),
};
process.exitCode = await runCli(process.argv.slice(2), context, [callCommand, demoCommand]);
