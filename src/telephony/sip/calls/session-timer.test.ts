import { describe, expect, it } from 'vitest';
import { intervalAfter422, timerOfAnswer, timerOfInvite } from './session-timer.js';

const timer = { interval: 1800, minimum: 90 };
const invite = (headers: Readonly<Record<string, string>>) => ({ header: (name: string) => headers[name] });

describe('the session timer of our 200', () => {
  it.each([
    ['none asked, none wanted', {}, null, {}],
    ['none asked, peer has none', {}, timer, { 'Session-Expires': '1800;refresher=uas' }],
    [
      'none asked, peer has it',
      { supported: 'timer' },
      timer,
      { Require: 'timer', 'Session-Expires': '1800;refresher=uac' },
    ],
    [
      'longer than ours is shortened',
      { supported: '100rel, timer', 'session-expires': '3600' },
      timer,
      { Require: 'timer', 'Session-Expires': '1800;refresher=uac' },
    ],
    [
      'shorter than ours stays',
      { supported: 'timer', 'session-expires': '600;refresher=uas' },
      timer,
      { Require: 'timer', 'Session-Expires': '600;refresher=uas' },
    ],
    [
      'never below their minimum',
      { supported: 'timer', 'session-expires': '3600', 'min-se': '2400' },
      timer,
      { Require: 'timer', 'Session-Expires': '2400;refresher=uac' },
    ],
    [
      'asked for without our wish',
      { supported: 'timer', 'session-expires': '90;refresher=uac' },
      null,
      { Require: 'timer', 'Session-Expires': '90;refresher=uac' },
    ],
    [
      'by a proxy for a peer without it',
      { 'session-expires': '600' },
      timer,
      { 'Session-Expires': '600;refresher=uas' },
    ],
    ['garbage is none', { 'session-expires': 'soon' }, null, {}],
  ] as const)('%s', (_name, headers, ours, expected) => {
    expect(timerOfAnswer(invite(headers), ours)).toEqual(expected);
  });

  it('is asked for in our INVITE, and a 422 says how long it must be', () => {
    expect(timerOfInvite(timer)).toEqual({ Supported: 'timer', 'Session-Expires': '1800', 'Min-SE': '90' });
    expect(timerOfInvite(null)).toEqual({ Supported: 'timer' });
    expect(intervalAfter422('600')).toBe(600);
    for (const bad of [undefined, '', '10', '999999', 'x']) expect(intervalAfter422(bad)).toBeNull();
  });
});
