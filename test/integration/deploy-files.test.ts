import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { packageRoot } from '../../src/core/entry-path.js';

const root = packageRoot(import.meta.url);
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const there = (program: string, ...args: readonly string[]): boolean => spawnSync(program, args).status === 0;

type Instruction = { readonly name: string; readonly value: string };
/** The instructions of a Dockerfile, continued lines joined. */
const instructions = (text: string): readonly Instruction[] =>
  text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', value = ''] = /^([A-Za-z]+)\s+(.*)$/.exec(line) ?? [];
      return { name: name.toUpperCase(), value };
    });

const hadolint = there('hadolint', '--version');
if (!hadolint)
  console.info('hadolint is not on this machine: the Dockerfiles are judged by the rules of this test alone');

const dockerfiles = ['Dockerfile', 'deploy/rtpengine/Dockerfile'];

describe.each(dockerfiles)('%s', (path) => {
  const steps = instructions(read(path));
  const of = (name: string): readonly string[] => steps.filter((step) => step.name === name).map(({ value }) => value);
  const known =
    'ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL RUN SHELL STOPSIGNAL USER VOLUME WORKDIR'.split(' ');

  it('has only instructions there are, and none that fetches or unpacks behind one’s back', () => {
    expect(steps.filter(({ name }) => !known.includes(name))).toEqual([]);
  });

  it('names the version of what it builds on', () => {
    for (const image of of('FROM')) expect(image).toMatch(/^\S+:[\w.-]*(\d|bookworm)[\w.-]*( AS \w+)?$/);
  });

  it('runs as a user without a name, by a command that needs no shell', () => {
    const last = steps.findLastIndex(({ name }) => name === 'FROM');
    const users = steps.slice(last).filter(({ name }) => name === 'USER');
    expect(users.at(-1)?.value).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    for (const command of [...of('CMD'), ...of('ENTRYPOINT')]) {
      expect(JSON.parse(command)).toEqual(expect.arrayContaining([expect.any(String)]));
    }
  });

  it('leaves nothing of apt behind', () => {
    for (const run of of('RUN').filter((value) => value.includes('apt-get install'))) {
      expect(run).toMatch(/apt-get update/);
      expect(run).toMatch(/install -y --no-install-recommends/);
      expect(run).toMatch(/rm -rf \/var\/lib\/apt\/lists\/\*/);
    }
  });

  it('copies what is there, into folders with a whole path', () => {
    for (const folder of of('WORKDIR')) expect(folder).toMatch(/^\//);
    const sources = of('COPY').flatMap((value) => {
      const words = value.split(/\s+/).filter((word) => !word.startsWith('--'));
      return words.slice(0, -1).map((word) => word.replace(/^\/app\//, ''));
    });
    // What the build makes.
    const made = ['node_modules', 'dist', '.'];
    for (const source of sources.filter((each) => !made.includes(each))) {
      expect(existsSync(join(root, source)), source).toBe(true);
    }
  });
});

it.skipIf(!hadolint)('the Dockerfiles are clean to hadolint', () => {
  const run = spawnSync(
    'hadolint',
    dockerfiles.map((path) => join(root, path)),
    { encoding: 'utf8' },
  );
  expect(run.stdout + run.stderr).toBe('');
});

describe('the Helm chart', () => {
  type Schema = {
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly additionalProperties?: boolean;
    readonly required?: readonly string[];
    readonly enum?: readonly unknown[];
    readonly type?: string;
  };
  const values = parse(read('deploy/helm/values.yaml')) as Record<string, unknown>;
  const schema = JSON.parse(read('deploy/helm/values.schema.json')) as Schema;
  const folder = join(root, 'deploy/helm/templates');
  const templates = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')] as const);
  const isMap = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);

  it('has default values of its schema, and no value that the schema does not know', () => {
    const faults: string[] = [];
    const typeOf = (value: unknown): string =>
      Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : isMap(value) ? 'object' : typeof value;
    const look = (value: unknown, of: Schema, path: string): void => {
      if (of.type !== undefined && of.type !== typeOf(value)) faults.push(`${path} is no ${of.type}`);
      if (of.enum !== undefined && !of.enum.includes(value)) faults.push(`${path} is none of ${of.enum.join(', ')}`);
      if (!isMap(value)) return;
      for (const name of of.required ?? []) if (!(name in value)) faults.push(`${path}.${name} is missing`);
      for (const [name, inner] of Object.entries(value)) {
        const known = of.properties?.[name];
        if (known !== undefined) look(inner, known, `${path}.${name}`);
        else if (of.additionalProperties === false) faults.push(`${path}.${name} is unknown`);
      }
    };
    look(values, schema, 'values');
    expect(faults).toEqual([]);
  });

  it.each(templates)('%s asks for values there are, and its blocks are closed', (_name, text) => {
    const missing = [...text.matchAll(/\.Values((?:\.\w+)+)/g)]
      .map(([, path = '']) => path.slice(1))
      .filter((path) => {
        let at: unknown = values;
        for (const name of path.split('.')) at = isMap(at) && name in at ? at[name] : undefined;
        return at === undefined;
      });
    expect(missing).toEqual([]);
    const actions = [...text.matchAll(/\{\{-?\s*(\w+)[^}]*\}\}/g)].map(([, word = '']) => word);
    const opened = actions.filter((word) => ['if', 'with', 'range', 'define', 'block'].includes(word)).length;
    expect(actions.filter((word) => word === 'end')).toHaveLength(opened);
    expect(text.split('{{').length).toBe(text.split('}}').length);
  });

  it('defines what its templates include', () => {
    const all = templates.map(([, text]) => text).join('\n');
    const defined = new Set([...all.matchAll(/define "([^"]+)"/g)].map(([, name]) => name));
    const included = [...all.matchAll(/include "([^"]+)"/g)].map(([, name]) => name);
    expect(included.filter((name) => !defined.has(name))).toEqual([]);
  });

  it('gives a drain its time: what ends a pod waits longer than the gateway does', () => {
    const deployment = read('deploy/helm/templates/deployment.yaml');
    expect(deployment).toMatch(/terminationGracePeriodSeconds: \{\{ add \.Values\.drainTimeout 30 \}\}/);
    const hook = Number(/setTimeout\(\(\) => \{\}, (\d+)\)/.exec(deployment)?.[1]);
    // The hook runs within the same time, and closing what is left takes some seconds.
    expect(hook / 1_000).toBeLessThan(30 - 10);
    expect(read('deploy/helm/templates/configmap.yaml')).toContain('"drainTimeout" .Values.drainTimeout');
  });

  const helm = there('helm', 'version');
  if (!helm) console.info('`helm lint` and `helm template` are skipped: no helm on this machine');

  it.skipIf(!helm)('is clean to helm, in each of its shapes', () => {
    const chart = join(root, 'deploy/helm');
    expect(spawnSync('helm', ['lint', '--strict', chart], { encoding: 'utf8' })).toMatchObject({ status: 0 });
    for (const shape of [
      'drachtio.enabled=true',
      'drachtio.enabled=false',
      'ingress.enabled=true',
      'hostNetwork=false',
    ]) {
      const made = spawnSync('helm', ['template', 'voice', chart, '--set', shape], { encoding: 'utf8' });
      expect(made.stderr).toBe('');
      for (const part of made.stdout.split(/^---$/m)) expect(() => parse(part), shape).not.toThrow();
    }
  });
});
