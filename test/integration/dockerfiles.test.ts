import { existsSync, readFileSync } from 'node:fs';
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
