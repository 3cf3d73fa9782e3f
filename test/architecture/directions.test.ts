import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/core/entry-path.js';
import { type Import, importsOf, isTest, sourceFiles } from './imports.js';

const root = packageRoot(import.meta.url);
const files = sourceFiles(root, 'src').filter((file) => !isTest(file));
const imports = files.flatMap((file) => importsOf(root, file));
const ours = imports.filter((entry) => entry.ours);
const line = (entry: Import): string => `${entry.from} imports ${entry.to}`;
const inFolder =
  (...folders: string[]) =>
  (file: string): boolean =>
    folders.some((folder) => file === folder || file.startsWith(`${folder}/`));

/** Every import out of `folder` must lie in one of `allowed` (or in the folder itself). */
const strays = (folder: string, allowed: readonly string[]): string[] =>
  ours.filter((e) => inFolder(folder)(e.from) && !inFolder(folder, ...allowed)(e.to)).map(line);

const sessions = 'src/domain/sessions';
const directory = 'src/domain/directory';
const calls = 'src/domain/calls';
const belowDomain = ['src/platform', 'src/core'];

describe('imports point one way', () => {
  it('core imports nothing of ours', () => {
    expect(strays('src/core', [])).toEqual([]);
  });

  it('the SIP engine imports nothing from the rest of the source', () => {
    expect(strays('src/telephony/sip-engine', [])).toEqual([]);
  });

  it('platform imports core only', () => {
    expect(strays('src/platform', ['src/core'])).toEqual([]);
  });

  it('domain folders import platform, core and the siblings the design names', () => {
    expect(strays(sessions, belowDomain)).toEqual([]);
    expect(strays(directory, belowDomain)).toEqual([]);
    expect(strays('src/domain/transfer', ['src/core'])).toEqual([]);
    expect(strays('src/domain/outbound', [...belowDomain, directory])).toEqual([]);
    expect(strays('src/domain/zendesk', [...belowDomain, sessions, directory])).toEqual([]);
    expect(strays('src/domain/actions', [...belowDomain, sessions])).toEqual([]);
    expect(strays(calls, [...belowDomain, 'src/domain'])).toEqual([]);
  });

  it('a domain folder is entered through its index, records or ports', () => {
    const inner = ours.filter((e) => {
      const [, folder] = /^src\/domain\/([^/]+)\//.exec(e.to) ?? [];
      if (folder === undefined || e.from.startsWith(`src/domain/${folder}/`)) return false;
      return !/^src\/domain\/[^/]+\/(index|records|(relay-)?ports)\.ts$/.test(e.to);
    });
    expect(inner.map(line)).toEqual([]);
  });

  it('telephony knows the ports of calls and core, nothing else of the domain', () => {
    const allowed = ['src/core', `${calls}/ports.ts`, `${calls}/relay-ports.ts`, 'src/telephony'];
    expect(strays('src/telephony', allowed)).toEqual([]);
  });

  it('media does not know signalling', () => {
    const entries = ours.filter((e) => e.from.startsWith('src/telephony/media/'));
    expect(entries.filter((e) => inFolder('src/telephony/sip', 'src/telephony/sip-engine')(e.to)).map(line)).toEqual(
      [],
    );
  });

  it('the API knows domain and platform, not telephony, app or cli', () => {
    expect(strays('src/api', ['src/domain', ...belowDomain])).toEqual([]);
  });

  it('the command line uses the HTTP API; only call, demo and bench reach further', () => {
    const entries = ours.filter((e) => e.from.startsWith('src/cli/') && !/src\/cli\/(call|demo|bench)\//.test(e.from));
    // `token` mints with the secret of the gateway on this machine, which no API would hand out.
    const allowed = inFolder('src/cli', 'src/core', 'src/platform/access/index.ts');
    // The one other exception: `token` mints with the secret of the gateway's own machine, which no API hands out.
    const mints = (e: Import): boolean =>
      e.from === 'src/cli/commands/token.ts' && e.to === 'src/platform/access/index.ts';
    expect(entries.filter((e) => !allowed(e.to) && !mints(e)).map(line)).toEqual([]);
  });

  it('has no cycles', () => {
    const graph = new Map<string, string[]>();
    for (const e of ours) if (!e.typeOnly) graph.set(e.from, [...(graph.get(e.from) ?? []), e.to]);
    const state = new Map<string, 'open' | 'done'>();
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (state.get(file) === 'done') return;
      if (state.get(file) === 'open') {
        cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
        return;
      }
      state.set(file, 'open');
      for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
      state.set(file, 'done');
    };
    for (const file of graph.keys()) visit(file, []);
    expect(cycles).toEqual([]);
  });
});

describe('each client library has one home', () => {
  const homes: Readonly<Record<string, readonly string[]>> = {
    'drachtio-srf': ['src/telephony/sip'],
    '@livekit/rtc-node': ['src/telephony/agents/livekit'],
    'livekit-server-sdk': ['src/telephony/agents/livekit'],
    '@livekit/protocol': ['src/api/livekit-facade'],
    ioredis: ['src/platform/redis'],
    twilio: ['src/telephony/carriers/twilio'],
    express: ['src/api'],
    undici: ['src/platform/egress'],
    ws: ['src/telephony/agents/websocket'],
    jose: ['src/platform/access'],
    '@modelcontextprotocol/sdk': ['src/api/mcp'],
    jmespath: ['src/domain/actions'],
    pino: ['src/platform/telemetry'],
    'prom-client': ['src/platform/telemetry'],
    '@opentelemetry': ['src/platform/telemetry'],
  };
  for (const [library, allowed] of Object.entries(homes)) {
    it(`${library} is imported in ${allowed.join(', ')} only`, () => {
      const strangers = imports.filter(
        (e) => (e.to === library || e.to.startsWith(`${library}/`)) && !inFolder(...allowed)(e.from),
      );
      expect(strangers.map(line)).toEqual([]);
    });
  }
});

describe('habits', () => {
  const text = (file: string): string => readFileSync(join(root, file), 'utf8');
  const entry = /^src\/main\.ts$|^src\/cli\/main\.ts$|(worker|child)\.ts$/;

  it('reads process.env, process.on and process.exit in entry files only', () => {
    const found = files.filter(
      (f) =>
        !entry.test(f) && /\bprocess\.(env|on|once|exit)\b/.test(text(f).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')),
    );
    expect(found).toEqual([]);
  });

  it('takes time and randomness in the domain from core', () => {
    const found = files.filter(
      (f) =>
        f.startsWith('src/domain/') &&
        /\b(Date\.now|Math\.random|setTimeout|setInterval|randomUUID)\s*\(/.test(text(f)),
    );
    expect(found).toEqual([]);
  });

  it('keeps files at 400 lines or fewer', () => {
    const long = files.map((f) => [f, text(f).split('\n').length] as const).filter(([, lines]) => lines > 400);
    expect(long).toEqual([]);
  });
});
