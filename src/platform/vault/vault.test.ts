import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { isGatewayError } from '../../core/errors.js';
import { keyIdOf, type SealScope } from './envelope.js';
import { type KeyRing, loadKeyRing, parseKeyRing } from './key-ring.js';
import { checkRing, createVault, type RingCheckStore } from './vault.js';

const key = (): string => randomBytes(32).toString('base64');
const scope: SealScope = { organization: 'acme', kind: 'variable', name: 'X-Api-Key' };
const refusal = (fn: () => unknown): string => {
  try {
    fn();
  } catch (error) {
    if (isGatewayError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'accepted';
};

describe('the vault', () => {
  const ring = parseKeyRing(`k1:${key()}`);
  const vault = createVault(ring);

  it('opens what it sealed, and seals the same value differently each time', () => {
    const [first, second] = [vault.seal(scope, 'geheim ☎'), vault.seal(scope, 'geheim ☎')];
    expect(first).not.toBe(second);
    expect(first).not.toContain('geheim');
    expect([vault.open(scope, first), vault.open(scope, second)]).toEqual(['geheim ☎', 'geheim ☎']);
    expect(vault.open(scope, vault.seal(scope, ''))).toBe('');
    expect(keyIdOf(first)).toBe('k1');
  });

  it('tells who listens what was opened', () => {
    const heard: string[] = [];
    const listening = createVault(ring, (plain) => void heard.push(plain));
    listening.open(scope, vault.seal(scope, 'canary'));
    expect(heard).toEqual(['canary']);
  });

  it.each([
    ['another organization', { ...scope, organization: 'globex' }],
    ['another kind', { ...scope, kind: 'secret' }],
    ['another name', { ...scope, name: 'X-Api-Key2' }],
    ['another version', { ...scope, version: 2 }],
    [
      'names that would join to the same text',
      { ...scope, organization: 'acme","variable', kind: 'X-Api-Key', name: '' },
    ],
  ])('does not open a value moved to %s', (_, other) => {
    expect(refusal(() => vault.open(other, vault.seal(scope, 'x')))).toMatch(/^credential_unreadable/);
  });

  it('notices every changed byte and every shortened tag', () => {
    const sealed = vault.seal(scope, 'value');
    const [format, kid, wrapped, body] = sealed.split('.') as [string, string, string, string];
    const parts = [Buffer.from(wrapped, 'base64url'), Buffer.from(body, 'base64url')] as const;
    const join = (w: Buffer, b: Buffer): string =>
      [format, kid, w.toString('base64url'), b.toString('base64url')].join('.');
    for (const [which, bytes] of parts.entries()) {
      for (let i = 0; i < bytes.length; i += 1) {
        const changed = Buffer.from(bytes);
        changed[i] = (changed[i] ?? 0) ^ 1;
        const text = which === 0 ? join(changed, parts[1]) : join(parts[0], changed);
        expect(refusal(() => vault.open(scope, text))).toMatch(/^credential_unreadable/);
      }
      for (let cut = 1; cut < bytes.length; cut += 1) {
        const short = bytes.subarray(0, bytes.length - cut);
        const text = which === 0 ? join(short, parts[1]) : join(parts[0], short);
        expect(refusal(() => vault.open(scope, text))).toMatch(/^credential_unreadable/);
      }
    }
  });

  it.each(['', 'plain text', 'v2.k1.a.b', 'v1.k1.a', 'v1.k1.a.b.c', 'v1.k1..'])(
    'does not take %j for sealed',
    (text) => {
      expect(refusal(() => vault.open(scope, text))).toMatch(/^credential_unreadable/);
    },
  );

  it('reads with old keys, seals with the first, and rewraps without changing the content', () => {
    const [one, two] = [`one:${key()}`, `two:${key()}`];
    const old = createVault(parseKeyRing(one));
    const both = createVault(parseKeyRing(`${two},${one}`));
    const onlyNew = createVault(parseKeyRing(two));
    const sealed = old.seal(scope, 'value');
    expect(both.open(scope, sealed)).toBe('value');
    expect(keyIdOf(both.seal(scope, 'value'))).toBe('two');
    expect(refusal(() => onlyNew.open(scope, sealed))).toContain('has no key "one"');
    const moved = both.rewrap(scope, sealed);
    expect([keyIdOf(moved), onlyNew.open(scope, moved), both.rewrap(scope, moved)]).toEqual(['two', 'value', moved]);
    expect(moved.split('.')[3]).toBe(sealed.split('.')[3]);
  });
});

describe('the key ring', () => {
  const dirs: string[] = [];
  const dataDir = (): string => {
    dirs.push(mkdtempSync(join(tmpdir(), 'vault-')));
    return dirs.at(-1) ?? '';
  };
  afterEach(() => {
    for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
  });

  it.each([
    ['', 'entry 1 must be kid:base64'],
    ['nokid', 'entry 1 must be kid:base64'],
    [`bad kid:${key()}`, 'entry 1 must be kid:base64'],
    [`a:${randomBytes(31).toString('base64')}`, 'entry 1 (a) must be the base64 of exactly 32 bytes'],
    [`a:${key()},b:not!base64`, 'entry 2 (b) must be the base64 of exactly 32 bytes'],
    [`a:${key()},a:${key()}`, 'entry 2 repeats the key id a'],
    [`a:${key()},`, 'entry 2 must be kid:base64'],
  ])('refuses %j with a sentence that does not show key bytes', (text, sentence) => {
    const message = refusal(() => parseKeyRing(text));
    expect(message).toContain(sentence);
    for (const part of text.split(/[:,]/).filter((p) => p.length > 20)) expect(message).not.toContain(part);
  });

  it('is generated once, in a file only its owner can read, and found again', () => {
    const dir = join(dataDir(), 'deep');
    const first = loadKeyRing({ configured: null, dataDir: dir, sharedStore: false });
    const again = loadKeyRing({ configured: null, dataDir: dir, sharedStore: false });
    expect([first.created, again.created]).toEqual([true, false]);
    expect(statSync(join(dir, 'encryption-keys')).mode & 0o777).toBe(0o600);
    const vault = createVault(first.ring);
    expect(createVault(again.ring).open(scope, vault.seal(scope, 'x'))).toBe('x');
    expect(readFileSync(join(dir, 'encryption-keys'), 'utf8')).toMatch(/^k-[0-9a-f]{8}:/);
  });

  it('is not generated when the store is shared by several instances', () => {
    const dir = dataDir();
    const message = refusal(() => loadKeyRing({ configured: null, dataDir: dir, sharedStore: true }));
    expect(message).toContain('every instance needs the same keys');
    const given = loadKeyRing({ configured: `a:${key()}`, dataDir: dir, sharedStore: true });
    expect(given.ring.active).toBe('a');
  });
});

describe('the check value of the ring', () => {
  const store = (): RingCheckStore => {
    const values = new Map<string, string>();
    return {
      all: async () => Object.fromEntries(values),
      add: async (kid, value) => {
        if (!values.has(kid)) values.set(kid, value);
        return values.get(kid) ?? '';
      },
      remove: async (kid) => void values.delete(kid),
    };
  };
  const outcome = (ring: KeyRing, checks: RingCheckStore): Promise<string> =>
    checkRing(ring, checks).then(
      () => 'ok',
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );

  it('lets the same ring, and a ring with a newer key in front, start', async () => {
    const checks = store();
    const [one, two] = [`one:${key()}`, `two:${key()}`];
    expect(await outcome(parseKeyRing(one), checks)).toBe('ok');
    expect(await outcome(parseKeyRing(one), checks)).toBe('ok');
    expect(await outcome(parseKeyRing(`${two},${one}`), checks)).toBe('ok');
    expect(await outcome(parseKeyRing(one), checks)).toContain('which the key ring does not have');
    expect(await outcome(parseKeyRing(two), checks)).toContain('sealed with key "one"');
  });

  it('refuses the same id with other bytes', async () => {
    const checks = store();
    await checkRing(parseKeyRing(`k:${key()}`), checks);
    expect(await outcome(parseKeyRing(`k:${key()}`), checks)).toContain('is not the key of that id');
  });

  it('refuses the loser of two first starts with different keys under one id', async () => {
    const checks = store();
    const rings = [parseKeyRing(`k:${key()}`), parseKeyRing(`k:${key()}`)];
    const outcomes = await Promise.all(rings.map((ring) => outcome(ring, checks)));
    expect(outcomes.filter((text) => text === 'ok')).toHaveLength(1);
  });
});
