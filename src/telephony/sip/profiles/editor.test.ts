import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createProfileEditor, type ProfileEditor } from './editor.js';
import { openProfiles, type ProfileRegistry } from './registry.js';

let root: string;
let own: string;
let registry: ProfileRegistry;
let editor: ProfileEditor;
const bullets = '••••••••';
const trunk = { country: 'GB', inbound: { sources: ['192.0.2.0/24'] } };
const reference = (name: string): string => `\${${name}}`;
const refused = (path: string) => ({ code: 'bad_request', details: [expect.objectContaining({ path })] });

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'vg-profiles-'));
  own = join(root, 'own');
  mkdirSync(own);
  mkdirSync(join(root, 'shipped'));
  writeFileSync(join(root, 'shipped/base.yaml'), 'name: base\ncountry: US\ninbound: { sources: [198.51.100.0/24] }\n');
  const folders = { shipped: join(root, 'shipped'), extra: own, environment: { TRUNK_PASSWORD: 'from-outside' } };
  registry = await openProfiles(folders);
  editor = createProfileEditor(folders, registry);
});
afterEach(() => rmSync(root, { recursive: true }));

describe('profiles by the API', () => {
  it('are written to a file, in force at once, replaced and taken away', async () => {
    expect(await editor.write('trunk', trunk)).toBe('created');
    expect(registry.bySource('192.0.2.7')?.country).toBe('GB');
    expect(await editor.write('trunk', { ...trunk, country: 'DE' })).toBe('replaced');
    expect([registry.get('trunk')?.country, readdirSync(own)]).toEqual(['DE', ['trunk.yaml']]);
    expect(await editor.read('trunk')).toEqual({
      document: { name: 'trunk', ...trunk, country: 'DE' },
      ...{ shipped: false, own: true },
    });
    expect(await editor.remove('trunk')).toBe('removed');
    expect([registry.get('trunk'), readdirSync(own), await editor.read('trunk')]).toEqual([undefined, [], null]);
    await expect(editor.remove('trunk')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('that come with the gateway are overridden and come back, and are not deleted', async () => {
    expect(await editor.write('base', { country: 'FR' })).toBe('replaced');
    expect(registry.get('base')?.country).toBe('FR');
    expect(await editor.remove('base')).toBe('restored');
    expect(registry.get('base')?.country).toBe('US');
    await expect(editor.remove('base')).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/overridden, not deleted/),
    });
  });

  it.each([
    ['of no right form', { ...trunk, country: 'XX' }, 'country'],
    ['with a key there is not', { ...trunk, colour: 1 }, 'document'],
    ['of another name', { ...trunk, name: 'other' }, 'name'],
    ['that claims the range of another', { inbound: { sources: ['198.51.100.0/24'] } }, 'inbound.sources[0]'],
    ['that would show the environment', { ...trunk, description: reference('TRUNK_PASSWORD') }, 'description'],
    [
      'with bullets for what was never set',
      { outbound: { digest: { username: 'u', password: bullets } } },
      'outbound.digest.password',
    ],
  ])('%s change nothing', async (_name, document, path) => {
    await expect(editor.write('trunk', document)).rejects.toMatchObject(refused(path));
    expect([readdirSync(own), registry.get('trunk')]).toEqual([[], undefined]);
  });

  it('show no password, and keep it when bullets come back, whatever the order of the users', async () => {
    const users = (...names: string[]) => names.map((username) => ({ username, password: `of-${username}` }));
    const digest = { username: 'gw', password: reference('TRUNK_PASSWORD') };
    const outbound = { outbound: { peers: ['sip.carrier.test'], digest } };
    await editor.write('trunk', {
      ...outbound,
      inbound: { ...trunk.inbound, digest: { realm: 'r', users: users('a', 'b') } },
    });
    const shown = (await editor.read('trunk'))?.document;
    expect(JSON.stringify(shown)).not.toContain('of-a');
    expect(shown).toMatchObject(outbound);
    const swapped = ['b', 'a'].map((username) => ({ username, password: bullets }));
    await editor.write('trunk', { ...outbound, inbound: { ...trunk.inbound, digest: { realm: 'r', users: swapped } } });
    expect(registry.get('trunk')?.inbound.digest?.users).toEqual(users('b', 'a'));
    expect(registry.get('trunk')?.outbound.digest?.password).toBe('from-outside');
    expect(readFileSync(join(own, 'trunk.yaml'), 'utf8')).not.toContain('from-outside');
  });

  it('are refused in a sentence where the folder is none, or managed elsewhere', async () => {
    const none = createProfileEditor({ shipped: join(root, 'shipped') }, registry);
    await expect(none.write('trunk', trunk)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/SIP_PROFILES names no/),
    });
    // As Kubernetes mounts a ConfigMap.
    mkdirSync(join(own, '..data'));
    writeFileSync(join(own, '..data/trunk.yaml'), 'name: trunk\n');
    symlinkSync('..data/trunk.yaml', join(own, 'trunk.yaml'));
    for (const name of ['trunk', 'other']) {
      await expect(editor.write(name, { country: 'US' })).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringMatching(/managed elsewhere/),
      });
    }
    const gone = createProfileEditor({ shipped: join(root, 'shipped'), extra: join(root, 'gone') }, registry);
    await expect(gone.write('trunk', trunk)).rejects.toThrow(/cannot be read/);
  });

  // A file system that takes nothing, not even of root.
  it.skipIf(!existsSync('/sys'))('are refused where the folder cannot be written', async () => {
    const sealed = createProfileEditor({ shipped: join(root, 'shipped'), extra: '/sys' }, registry);
    await expect(sealed.write('trunk', trunk)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/\/sys (does not belong to the gateway|is on a read-only file system)/),
    });
  });

  it('leave the disk as it was when another file is spoilt', async () => {
    await editor.write('trunk', trunk);
    writeFileSync(join(own, 'broken.yaml'), 'name: [');
    await expect(editor.write('trunk', { ...trunk, country: 'DE' })).rejects.toThrow(/broken\.yaml/);
    expect(readFileSync(join(own, 'trunk.yaml'), 'utf8')).toContain('GB');
  });
});
