import { describe, expect, it } from 'vitest';
import { silentLogger } from '../core/logger.js';
import { manualClock } from '../core/manual-clock.js';
import { type Config, readConfig } from './config.js';
import { shutdownStack } from './shutdown-stack.js';
import { originationOf, startTwilio } from './twilio.js';

const server = { DRACHTIO_HOST: '127.0.0.1' };
const account = { TWILIO_ACCOUNT_SID: `AC${'0'.repeat(32)}`, TWILIO_AUTH_TOKEN: 'token' };
const reached = { SIP_PUBLIC_ADDRESS: '203.0.113.5', PUBLIC_URL: 'https://voice.example' };
const config = (env: Readonly<Record<string, string>>): Config => readConfig({ env, file: null, cwd: '/' });

describe('where Twilio finds SIP', () => {
  it.each([
    ['the engine', { SIP_LISTEN: 'udp:10.0.0.5:5060,tcp:10.0.0.5:5070' }, 'sip:203.0.113.5:5070;transport=tcp'],
    ['a drachtio-server', server, 'sip:203.0.113.5;transport=tcp'],
    ['one that listens elsewhere', { ...server, SIP_LISTEN: 'udp:10.0.0.5:5080' }, 'sip:203.0.113.5:5080'],
    ['one that calls us', { DRACHTIO_LISTEN: '127.0.0.1:9023' }, 'sip:203.0.113.5;transport=tcp'],
    ['one with TLS', { ...server, SIP_LISTEN: 'tcp:10.0.0.5:5060,tls:10.0.0.5:5061' }, 'sip:203.0.113.5;transport=tls'],
  ])('at %s', (_name, env, uri) => {
    expect(originationOf(config({ ...reached, ...env }), false)).toBe(uri);
  });

  it('is not guessed: without a public address a drachtio-server is nowhere', () => {
    expect(() => originationOf(config(server), false)).toThrow(/set SIP_PUBLIC_ADDRESS/);
    expect(() => originationOf(config({ ...server, ...reached }), true)).toThrow(/needs TLS/);
  });
});

it.each([
  ['no public SIP address', { PUBLIC_URL: 'https://voice.example' }, /SIP_PUBLIC_ADDRESS/],
  ['a PUBLIC_URL of this machine alone', { SIP_PUBLIC_ADDRESS: '203.0.113.5' }, /PUBLIC_URL/],
])('a number whose calls come by webhook is not bought with %s', async (_name, env, sentence) => {
  const stack = shutdownStack(silentLogger);
  const twilio = await startTwilio({
    config: config({ ...server, ...account, ...env }),
    // Nothing of it may be asked, nor Twilio.
    directory: {} as never,
    ...{ clock: manualClock(), log: silentLogger, stack },
  });
  const purchase = { number: '+14155550100', by: 'webhook', trunk: 'voice-gateway' } as const;
  await expect(twilio?.buy(purchase)).rejects.toMatchObject({
    code: 'bad_request',
    message: expect.stringMatching(sentence),
  });
  await stack.unwind();
});
