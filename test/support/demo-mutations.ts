/**
 * The demo as a judge of the code: a copy of the compiled gateway with one thing broken in it must make `demo` fail. A
 * check that passes with its subject broken checks nothing.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../src/core/entry-path.js';

/** One thing to break: `what` stands in `file` exactly once and becomes `by`. */
export type Mutation = {
  readonly name: string;
  readonly file: string;
  readonly what: string;
  readonly by: string;
};

const plan = 'dist/src/domain/transfer/plan.js';
const identity = 'dist/src/domain/transfer/caller-identity.js';
const stamp = 'dist/src/domain/sessions/scripts/shared.lua';

export const mutations: readonly Mutation[] = [
  {
    name: 'X-OPENCX-SESSION-ID has another value',
    file: plan,
    what: "ours('X-OPENCX-SESSION-ID', call.sessionId)",
    by: "ours('X-OPENCX-SESSION-ID', call.sessionId + '0')",
  },
  {
    name: 'X-OPENCX-SESSION-ID is missing',
    file: plan,
    what: "...ours('X-OPENCX-SESSION-ID', call.sessionId),",
    by: '',
  },
  {
    name: 'X-OPENCX-AGENT-ID is the session',
    file: plan,
    what: "ours('X-OPENCX-AGENT-ID', call.agentId)",
    by: "ours('X-OPENCX-AGENT-ID', call.sessionId)",
  },
  {
    name: 'X-OPENCX-TRANSFER is false',
    file: plan,
    what: "ours('X-OPENCX-TRANSFER', 'true')",
    by: "ours('X-OPENCX-TRANSFER', 'false')",
  },
  {
    name: 'X-OPENCX-CONTACT-ID is missing',
    file: plan,
    what: "...ours('X-OPENCX-CONTACT-ID', input.facts.contactId),",
    by: '',
  },
  {
    name: 'X-OPENCX-ZENDESK-TICKET-ID is misspelled',
    file: plan,
    what: "['X-OPENCX-ZENDESK-TICKET-ID', ...profile.ticketHeaders]",
    by: "['X-OPENCX-ZENDESK-TICKETID', ...profile.ticketHeaders]",
  },
  {
    name: 'X-Zendesk-Ticket-Id is missing',
    file: 'sip-profiles/zendesk-sip-in.yaml',
    what: 'ticketHeaders: [X-Zendesk-Ticket-Id]',
    by: 'ticketHeaders: []',
  },
  {
    name: 'both ticket headers have another value',
    file: plan,
    what: 'ours(name, ticketId)',
    by: "ours(name, ticketId + '1')",
  },
  {
    name: 'From is the called number',
    file: identity,
    what: "return { from: own, reason: 'known', asserted: same(own), diverting: null };",
    by: "return { from: called, reason: 'known', asserted: same(own), diverting: null };",
  },
  {
    name: 'the stamp is not written',
    file: stamp,
    what: "'zendeskTicketId', ticket,",
    by: "'zendeskTicketOf', ticket,",
  },
  {
    name: 'the stamp has another ticket',
    file: stamp,
    what: "'zendeskTicketId', ticket,",
    by: "'zendeskTicketId', ticket .. '0',",
  },
  {
    name: 'caller and human are not joined',
    file: 'dist/src/domain/calls/machine.js',
    what: "const effects = [{ type: 'join' }];",
    by: 'const effects = [];',
  },
];

export type DemoRun = { readonly code: number | null; readonly output: string };

/** A copy of what the demo runs from, to break; everything else of the package is linked. */
const copyOf = (root: string): string => {
  const folder = mkdtempSync(join(tmpdir(), 'demo-'));
  for (const part of ['dist', 'sip-profiles', 'assets', 'package.json']) {
    cpSync(join(root, part), join(folder, part), { recursive: true });
  }
  // What is broken is a module; the programs that are started are joined from modules.
  writeFileSync(join(folder, 'dist/bin/gateway.js'), "import '../src/main.js';\n");
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
};

/** Runs the demo with this broken, or with nothing broken. Throws when the place to break is not there exactly once. */
export const runDemoWith = async (mutation: Mutation | null): Promise<DemoRun> => {
  const folder = copyOf(packageRoot(import.meta.url));
  try {
    if (mutation !== null) {
      const path = join(folder, mutation.file);
      const parts = readFileSync(path, 'utf8').split(mutation.what);
      if (parts.length !== 2) {
        throw new Error(`${mutation.file} has ${JSON.stringify(mutation.what)} ${parts.length - 1} times, not once`);
      }
      writeFileSync(path, parts.join(mutation.by));
    }
    return await new Promise<DemoRun>((resolve) => {
      const child = spawn(process.execPath, [join(folder, 'dist/src/cli/main.js'), 'demo'], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let output = '';
      const take = (chunk: Buffer): void => {
        output += chunk.toString();
      };
      child.stdout.on('data', take);
      child.stderr.on('data', take);
      child.once('close', (code) => resolve({ code, output }));
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};
