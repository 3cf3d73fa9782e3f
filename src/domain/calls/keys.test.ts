import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../core/logger.js';
import { type Key, keyDoubles, pressKeys } from './keys.js';
import { connectedCall } from './transfer-bridge.js';
import type { TransferLeg } from './transfer-leg.js';

type Way = 'rfc4733' | 'info' | 'both';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** One side of a call and what it was sent. */
const sideOf = (dtmf: Way, events: boolean) => {
  const sent: string[] = [];
  let refuses = false;
  const dialog = {
    info: async (type: string, body: string) => void sent.push(`INFO ${type} ${/Signal=(.)/.exec(body)?.[1] ?? body}`),
  };
  return {
    sent,
    refuse: () => {
      refuses = true;
    },
    media: {
      takesEvents: () => events,
      sendDtmf: async (digits: string) => {
        if (refuses) throw new Error('at a relay');
        sent.push(`media ${digits}`);
      },
    },
    dialog: () => dialog,
    profile: { dtmf },
  };
};

describe('keys of ours go', () => {
  const relay = (digit: string) => `INFO application/dtmf-relay ${digit}`;
  it.each<[Way, boolean, string[]]>([
    ['rfc4733', true, ['media 12']],
    ['rfc4733', false, ['media 12']],
    ['both', true, ['media 12']],
    ['both', false, [relay('1'), relay('2')]],
    ['info', true, [relay('1'), relay('2')]],
  ])('with %s to a peer whose telephone events are %s', async (dtmf, events, expected) => {
    const side = sideOf(dtmf, events);
    await pressKeys(side, '12');
    expect(side.sent).toEqual(expected);
  });

  it('by no INFO before there is a dialog', async () => {
    const side = { ...sideOf('info', true), dialog: () => null };
    await expect(pressKeys(side, '1')).rejects.toMatchObject({ code: 'conflict' });
  });
});

it('a key that comes by INFO and in the media is one key, two presses are two', () => {
  let now = 0;
  const isNew = keyDoubles(() => now);
  const heard = (keys: string): string =>
    [...keys].map((key) => (isNew({ digit: '5' }, key === 'i' ? 'info' : 'media') ? key : '.')).join('');
  expect(heard('im')).toBe('i.');
  expect(heard('iimm')).toBe('ii..');
  expect(heard('mim')).toBe('m.m');
  now = 10_000;
  expect(heard('ii')).toBe('ii');
});

describe('keys between two who are connected', () => {
  const joined = (caller: ReturnType<typeof sideOf>, line: ReturnType<typeof sideOf>) =>
    connectedCall({
      caller: caller as never,
      destination: { media: line.media, dialog: line.dialog(), profile: line.profile } as unknown as TransferLeg,
      holdAudio: null,
      settled: async () => {},
      log: silentLogger,
    });
  const body = 'Signal=7\r\nDuration=160\r\n';
  const key: Key = { digit: '7', durationMs: 160 };

  it.each<[from: [Way, boolean], to: [Way, boolean], info: string[], media: string[]]>([
    // Telephone events pass by themselves; who has them sends its INFO beside them.
    [['rfc4733', true], ['rfc4733', true], ['INFO application/dtmf-relay 7'], []],
    [['info', true], ['rfc4733', true], ['media 7'], []],
    [['both', false], ['both', true], ['media 7'], []],
    [['both', true], ['both', false], ['INFO application/dtmf-relay 7'], ['INFO application/dtmf-relay 7']],
    // Tones, where there is nothing else; what was heard as tones is heard there too.
    [['both', false], ['rfc4733', false], ['media 7'], []],
    [['rfc4733', true], ['rfc4733', false], ['INFO application/dtmf-relay 7'], ['media 7']],
  ])('from %j to %j', async (from, to, info, media) => {
    for (const way of ['info', 'media'] as const) {
      const line = sideOf(...to);
      const call = joined(sideOf(...from), line);
      if (way === 'info') call.callerInfo('application/dtmf-relay', body);
      else call.callerKey(key);
      await settle();
      expect([way, line.sent]).toEqual([way, way === 'info' ? info : media]);
    }
  });

  it('stay an INFO where the media of the other side takes none now', async () => {
    const caller = sideOf('info', false);
    caller.refuse();
    const line = sideOf('info', false);
    const lineByMedia = { ...caller, profile: { dtmf: 'rfc4733' as const } };
    joined(lineByMedia, line).destinationInfo('application/dtmf-relay', body);
    await settle();
    expect(caller.sent).toEqual(['INFO application/dtmf-relay 7']);
  });
});
