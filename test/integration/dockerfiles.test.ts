import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/core/entry-path.js';
import { hasLinter, runLinter } from '../support/linters.js';

const root = packageRoot(import.meta.url);
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const dockerfiles = ['Dockerfile', 'deploy/rtpengine/Dockerfile'];

const hadolint = hasLinter('hadolint', ['--version'], 'The Dockerfiles are not linted');
it.skipIf(!hadolint)('the Dockerfiles are clean to hadolint', () => {
  const run = runLinter('hadolint', dockerfiles, { cwd: root });
  expect(run).toMatchObject({ status: 0, stdout: '', stderr: '' });
});

it.each(dockerfiles)('%s runs as a user without a name, whom Kubernetes can see not to be root', (path) => {
  const stages = read(path).split(/^FROM /m);
  const users = [...(stages.at(-1) ?? '').matchAll(/^USER (.*)$/gm)].map(([, user]) => user);
  expect(users.at(-1)).toMatch(/^[1-9]\d*:[1-9]\d*$/);
});

it('the health check of the image goes by gateway.yaml where the environment does not say where HTTP is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vg-health-'));
  const server = createServer((request, response) => response.writeHead(request.url === '/livez' ? 200 : 404).end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const check = async (listen: string): Promise<unknown> => {
    writeFileSync(
      join(folder, 'gateway.yaml'),
      `http: { listen: "${listen}", publicUrl: "https://voice.example.com" }\n`,
    );
    const child = spawn(process.execPath, [join(root, 'scripts/healthcheck.mjs')], {
      cwd: folder,
      env: {},
      stdio: 'ignore',
    });
    return (await once(child, 'exit'))[0];
  };
  try {
    expect(await check(`0.0.0.0:${port}`)).toBe(0);
    server.close();
    expect(await check(`127.0.0.1:${port}`)).toBe(1);
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
});

describe('.dockerignore', () => {
  /** Whether the build's context has the path: the last line that names it or a folder above it decides. */
  const inContext = (path: string): boolean => {
    let there = true;
    for (const line of read('.dockerignore').split('\n')) {
      const [, not, pattern = ''] = /^(!?)([^#\s]+)$/.exec(line) ?? [];
      if (pattern === '') continue;
      const expression = pattern
        .replaceAll('.', '\\.')
        .replaceAll('**/', '(.+/)?')
        .replace(/(?<![)+.])\*/g, '[^/]*');
      if (new RegExp(`^${expression}(/|$)`).test(path)) there = not === '!';
    }
    return there;
  };

  it('leaves in what the image is built from', () => {
    const { include } = JSON.parse(read('tsconfig.build.json')) as { include: string[] };
    const copied = [...read('Dockerfile').matchAll(/^COPY --from=build (\S+)/gm)].map(([, path = '']) =>
      path.replace('/app/', ''),
    );
    // What the build makes.
    const sources = copied.filter((path) => path !== 'node_modules' && path !== 'dist');
    const needed = [...include, ...sources, 'package-lock.json', '.npmrc', 'scripts/copy-assets.mjs', 'console/src'];
    for (const path of needed) {
      expect(existsSync(join(root, path)), path).toBe(true);
      expect(inContext(path), path).toBe(true);
    }
  });

  it('leaves out what is secret, large or made here', () => {
    const kept = ['.env', '.git', 'data', 'dist', 'node_modules', 'examples/livekit-agent/node_modules', 'test/sip'];
    expect(kept.filter(inContext)).toEqual([]);
  });
});
