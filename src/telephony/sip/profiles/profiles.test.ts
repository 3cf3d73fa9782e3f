import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '../../../core/entry-path.js';
import { GatewayError } from '../../../core/errors.js';
import { loadProfiles, parseProfile } from './loader.js';
import { openProfiles } from './registry.js';

const shipped = join(packageRoot(import.meta.url), 'sip-profiles');
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'profiles-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const sentence = async (run: () => unknown): Promise<string> => {
  try {
    await run();
  } catch (error) {
    expect(error).toBeInstanceOf(GatewayError);
    expect(error).toMatchObject({ code: 'config_invalid' });
    return error instanceof Error ? error.message : '';
  }
  throw new Error('nothing was refused');
};

describe('the shipped profiles', () => {
  it('are valid and say what each carrier needs', async () => {
    const profiles = await loadProfiles({ shipped });
    expect([...profiles.keys()].sort()).toEqual(['generic-trunk', 'local', 'telnyx', 'twilio', 'zendesk-sip-in']);
    expect(profiles.get('twilio')?.outbound.callerId).toBe('called');
    expect(profiles.get('generic-trunk')?.outbound).toMatchObject({ callerId: 'caller', assertedIdentity: true });
    expect(profiles.get('zendesk-sip-in')).toMatchObject({
      sources: [],
      outbound: {
        transport: 'tcp',
        secureTransport: 'tls',
        assertedIdentity: false,
        ticketHeaders: ['X-Zendesk-Ticket-Id'],
      },
    });
    expect(profiles.get('local')?.rules).toMatchObject({ firstPacketTimeout: 0, idleTimeout: 0 });
    expect(profiles.get('local')?.inbound.rateLimit).toBeNull();
    expect(profiles.get('twilio')?.rules).toMatchObject({ firstPacketTimeout: 30_000, idleTimeout: 60_000 });
  });

  it('recognise their sources, and loopback only as local', async () => {
    const registry = await openProfiles({ shipped });
    const of = (address: string) => registry.bySource(address)?.name;
    expect(of('127.0.0.1')).toBe('local');
    expect(of('::1')).toBe('local');
    expect(of('::ffff:127.0.0.1')).toBe('local');
    expect(of('127.0.0.2')).toBeUndefined();
    expect(of('54.172.60.3')).toBe('twilio');
    expect(of('54.172.60.4')).toBeUndefined();
    expect(of('192.76.120.10')).toBe('telnyx');
    expect(of('8.8.8.8')).toBeUndefined();
  });
});

describe('a malformed profile is refused with file, path and fault', () => {
  it.each([
    ['name: a\ninbound: { sources: [300.1.1.1] }', 'inbound.sources[0]: "300.1.1.1" is not an address'],
    ['name: a\ninbound: { sources: [10.0.0.1/8] }', 'inbound.sources[0]: "10.0.0.1/8" is not an address'],
    ['name: a\noutbound: { digest: { username: u, password: p } }', 'outbound.peers: must name the hosts'],
    ['name: a\noutbound: { peers: ["sip:x@y"] }', 'outbound.peers[0]: must be a host'],
    ['name: a\ncolour: red', 'document: unknown key "colour".'],
    ['name: a\nmedia: { codecs: [G729] }', 'media.codecs[0]: '],
    ['name: a\nmedia: { codecs: [PCMU, opus] }', 'media.codecs[1]: Opus is not available on SIP legs; G722 carries'],
    ['name: a\nmedia: { codecs: [] }', 'media.codecs: '],
    ['name: A b', 'name: must be lower-case letters, digits and hyphens.'],
    ['name: a\ncountry: ZZ', 'country: is not an ISO 3166-1 country code.'],
    ['name: a\noutbound: { headers: { add: { Via: x } } }', 'outbound.headers.add.Via: '],
    [
      'name: a\noutbound: { headers: { add: { X-A: "b\\r\\nc" } } }',
      'outbound.headers.add.X-A: must be printable ASCII.',
    ],
    [
      'name: local\ninbound: { sources: [0.0.0.0/0] }',
      'inbound.sources[0]: profile local admits 127.0.0.1 and ::1 only.',
    ],
    ['name: a\nsessionTimer: { interval: 100, minimum: 200 }', 'sessionTimer: minimum must not exceed interval.'],
    [
      'name: a\ninbound: { digest: { realm: x, users: [{ username: u, password: "\u0024{NOPE}" }] } }',
      'inbound.digest.users[0].password: \u0024{NOPE} is not set.',
    ],
    ['name: a\n  b: [', 'line '],
    ['name: a\nname: b', 'line 2'],
    ['- 1', 'document: '],
  ])('%s', async (text, expected) => {
    const message = await sentence(() => parseProfile(text, 'sip-profiles/x.yaml'));
    expect(message).toContain('SIP profile sip-profiles/x.yaml: ');
    expect(message).toContain(expected);
    expect(message.split('\n')).toHaveLength(1);
  });

  it('names every fault in its details and counts them in the sentence', async () => {
    try {
      parseProfile('name: a\ncolour: red\ncountry: ZZ', 'x.yaml');
    } catch (error) {
      expect(error).toMatchObject({ message: expect.stringContaining('(and 1 more)') });
      expect((error as GatewayError).details).toHaveLength(2);
    }
  });

  it('that unfolds into gigabytes is refused quickly', async () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
      .split('')
      .map((name, index) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefgh'[index]}`).join(',')}]`)
      .join('\n')}`;
    await expect(async () => parseProfile(bomb, 'x.yaml')).rejects.toThrow();
  });
});

describe("an operator's folder", () => {
  it('adds profiles and replaces shipped ones; passwords come from the environment', async () => {
    await writeFile(join(folder, 'generic.yaml'), 'name: generic-trunk\ninbound: { sources: [192.0.2.0/24] }\n');
    await writeFile(
      join(folder, 'mine.json'),
      '{"name":"mine","outbound":{"peers":["mine.example"],"digest":{"username":"u","password":"\u0024{PASS}"}}}',
    );
    const profiles = await loadProfiles({ shipped, extra: folder, environment: { PASS: 'secret' } });
    expect(profiles.get('generic-trunk')?.sources).toHaveLength(1);
    expect(profiles.get('mine')?.outbound.digest).toEqual({ username: 'u', password: 'secret' });
    expect(profiles.get('twilio')).toBeDefined();
  });

  it('may not claim a range twice, and must exist', async () => {
    await writeFile(join(folder, 'a.yaml'), 'name: a\ninbound: { sources: [54.172.60.0/30] }\n');
    expect(await sentence(() => loadProfiles({ shipped, extra: folder }))).toContain(
      'inbound.sources[0]: 54.172.60.0/30 is already claimed by profile "twilio"',
    );
    await writeFile(join(folder, 'a.yaml'), 'name: a\n');
    await writeFile(join(folder, 'b.yaml'), 'name: a\n');
    expect(await sentence(() => loadProfiles({ shipped, extra: folder }))).toContain('name: "a" is already defined by');
    expect(await sentence(() => loadProfiles({ shipped, extra: join(folder, 'none') }))).toContain('cannot be read');
  });

  it('is read again on reload; a fault leaves everything as it was', async () => {
    const path = join(folder, 'a.yaml');
    await writeFile(path, 'name: a\ninbound: { sources: [192.0.2.1] }\n');
    const registry = await openProfiles({ shipped, extra: folder });
    let reloads = 0;
    const unsubscribe = registry.onReload(() => reloads++);
    expect(registry.bySource('192.0.2.1')?.name).toBe('a');
    await writeFile(path, 'name: a\ninbound: { sources: [192.0.2.2] }\n');
    await registry.reload();
    expect(registry.bySource('192.0.2.1')).toBeUndefined();
    expect(registry.bySource('192.0.2.2')?.name).toBe('a');
    await writeFile(path, 'name: a\nnonsense: 1\n');
    expect(await sentence(() => registry.reload())).toContain('unknown key "nonsense"');
    expect(registry.bySource('192.0.2.2')?.name).toBe('a');
    expect(reloads).toBe(1);
    unsubscribe();
  });
});
