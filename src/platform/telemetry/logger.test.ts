import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text as collect } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { BULLETS, createRedactor } from '../../core/redaction.js';
import { createLogger, type LoggerOptions } from './logger.js';

const capture = (options: Partial<LoggerOptions> = {}) => {
  const lines: string[] = [];
  const log = createLogger({ level: 'debug', write: (line) => lines.push(line), ...options });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> };
};

describe('the log', () => {
  it('writes one JSON object a line with level, time, fields of the child and the static message', () => {
    const { log, last } = capture({ base: { instance: 'i-1' } });
    log.child({ sessionId: 's-1' }).warn({ status: 404 }, 'INVITE rejected');
    expect(last()).toMatchObject({
      level: 'warn',
      instance: 'i-1',
      sessionId: 's-1',
      status: 404,
      msg: 'INVITE rejected',
    });
    expect(String(last().time)).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it('leaves no canary in any line, whichever way it comes', () => {
    const redactor = createRedactor(['canary-0123456789']);
    const { log, lines } = capture({ redactor });
    const secret = 'canary-0123456789';
    log.info({ headers: { Authorization: secret, 'X-Shop-Key': secret } }, 'headers');
    log.error({ error: new Error('outer', { cause: new Error(`target said ${secret}`) }) }, 'cause');
    log.warn({ body: JSON.stringify({ nested: { deep: secret } }) }, 'text');
    log.child({ token: secret, url: `https://x.test/?q=${secret}` }).info({}, 'child');
    log.info({ list: [{ list: [secret] }], map: new Map([['password', 'other-value']]) }, 'collections');
    redactor.add('canary-late-value');
    log.info({ note: 'the canary-late-value came later' }, 'late');
    expect(lines).toHaveLength(6);
    expect(lines.join('')).not.toMatch(/canary|other-value/);
    expect(lines.join('')).toContain(BULLETS);
  });

  it('keeps caller content under pii, and out of the log when told so', () => {
    const keeping = capture();
    keeping.log.info({ pii: { caller: '+14155550123' } }, 'call');
    expect(keeping.last().pii).toEqual({ caller: '+14155550123' });
    const omitting = capture({ omitPii: true });
    omitting.log.child({ pii: { caller: '+14155550123' } }).info({ pii: { caller: '+14155550123' } }, 'call');
    expect(omitting.lines.join('')).not.toContain('4155550123');
  });

  it('writes every line to standard output, the last ones too when the process exits at once', async () => {
    const module = new URL('../../../dist/src/platform/telemetry/logger.js', import.meta.url).href;
    const program = `
      import { createLogger } from ${JSON.stringify(module)};
      const log = createLogger({ level: 'info' });
      for (let i = 0; i < 5000; i += 1) log.info({ i, filler: 'x'.repeat(100) }, 'line');
      process.exit(3);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [text, [code]] = await Promise.all([collect(child.stdout), once(child, 'close')]);
    const lines = text.trimEnd().split('\n');
    expect([code, lines.length]).toEqual([3, 5_000]);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ i: 4_999, msg: 'line' });
  });

  it('does not look at values of a level that is off', () => {
    const { log, lines } = capture({ level: 'info' });
    const trap = Object.defineProperty({}, 'value', {
      enumerable: true,
      get: () => {
        throw new Error('looked at');
      },
    });
    log.debug({ trap }, 'off');
    expect(lines).toEqual([]);
  });
});
