import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGateway, type TestGateway } from '../../../test/support/gateway.js';
import { placeTestCall } from '../call/caller.js';
import { parseDtmf } from '../call/dtmf-plan.js';
import { secondsOfSound } from './heard.js';
import type { Story } from './story.js';

const number = '+14155550100';
const caller = '+14155550123';

const document = {
  organization: { id: 'acme', name: 'Acme', defaultCountry: 'US' },
  numbers: [{ number, agent: 'support', profile: 'local', verified: true }],
  agents: [
    {
      id: 'support',
      name: 'Support',
      record: true,
      leg: {
        type: 'builtin',
        script: {
          steps: [
            { say: 'Welcome to Acme.' },
            {
              ask: {
                say: 'Press one to hear our opening hours.',
                digits: 1,
                timeout: 8,
                choices: {
                  '1': [{ say: 'We are open from nine to five.' }],
                  timeout: [{ say: 'We did not hear a key.' }],
                },
              },
            },
            { say: 'Goodbye.' },
            { hangup: {} },
          ],
        },
      },
    },
  ],
};

type TimelineEntry = { readonly at: string; readonly type: string; readonly data: Readonly<Record<string, unknown>> };
type Session = {
  readonly id: string;
  readonly status: string;
  readonly endReason: string | null;
  readonly called: string;
  readonly caller: { readonly e164: string | null };
  readonly contactId: string | null;
  readonly timeline: readonly TimelineEntry[];
};

/** What each kind of timeline entry means for someone who has never seen one. */
const inWords: Readonly<Record<string, string>> = {
  'call.received': 'the INVITE arrived and a phone session was opened',
  'call.answered': 'the gateway answered and the caller confirmed',
  'agent.started': 'the agent took the call',
  'agent.said': 'the agent spoke',
  'agent.asked': 'the agent asked for a key',
  'dtmf.received': 'the caller pressed a key',
  'media.started': "the caller's sound arrived",
  'media.quality': 'the quality of the sound was measured',
  'recording.started': 'recording began',
  'recording.stopped': 'recording ended',
  'call.ended': 'the call ended',
};

const timelineLines = (timeline: readonly TimelineEntry[]): string[] => {
  const first = Date.parse(timeline[0]?.at ?? '');
  return timeline.map((entry) => {
    const after = ((Date.parse(entry.at) - first) / 1_000).toFixed(3).padStart(7);
    const data = JSON.stringify(entry.data);
    return `${after} s  ${entry.type.padEnd(18)} ${inWords[entry.type] ?? ''} ${data === '{}' ? '' : data.slice(0, 110)}`.trimEnd();
  });
};

/** The whole demo. Nothing is printed as done that was not done; each claim is a check. */
export const runDemo = async (
  story: Story,
  options: { readonly keep: boolean; readonly signal: AbortSignal },
): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'voice-gateway-demo-'));
  let gateway: TestGateway | null = null;
  try {
    story.step('The gateway starts on free ports, with its own SIP engine and its own Redis in a temporary folder.');
    gateway = await startGateway({ dataDir: folder });
    story.detail(`SIP on 127.0.0.1:${gateway.sipPort}, API on ${gateway.httpUrl}`);
    const ready = await fetch(`${gateway.httpUrl}/readyz`);
    story.check(ready.status === 200, 'it says it is ready');

    story.step('An organization is set up: a number, and an agent with a script of prompts.');
    await gateway.apply(document);
    story.detail(`${number} is answered by the built-in agent "Support"`);

    story.step(`A telephone on this machine calls ${number}: a real SIP call with real sound (RTP).`);
    const heard = join(folder, 'heard-by-the-caller.wav');
    const call = await placeTestCall(
      {
        uri: `sip:${number}@127.0.0.1:${gateway.sipPort}`,
        from: caller,
        display: null,
        headers: {},
        audio: null,
        repeat: false,
        presses: parseDtmf('1@2.5'),
        record: heard,
        secureMedia: false,
        digest: null,
        hangUpAfter: 30_000,
        ringTimeout: 15_000,
        signal: options.signal,
      },
      (_name, text) => story.detail(text),
    );
    story.check(call.answered, 'the gateway answered', `it did not: ${call.status} ${call.reason}`);
    story.check(call.endedBy === 'callee', 'the agent hung up at the end of its script', `ended by ${call.endedBy}`);
    if (call.answered) {
      const sound = await secondsOfSound(heard);
      story.check(
        sound > 1,
        `the caller heard the agent speak: ${sound.toFixed(1)} s of sound`,
        `${sound.toFixed(1)} s of sound`,
      );
      const lost = call.quality?.packetsLost ?? -1;
      story.check(lost === 0, 'no packet was lost on the way', `${lost} lost`);
    }

    story.step('The phone session, as the API tells it afterwards.');
    const session = await endedSession(gateway);
    story.detail(`session ${session.id}: ${session.status}, ${session.endReason}`);
    story.check(
      session.status === 'ended' && session.endReason === 'agent-hangup',
      'the session has ended, by the agent',
      `${session.status}, ${session.endReason}`,
    );
    story.check(session.caller.e164 === caller && session.called === number, 'caller and called number are right');
    story.check(session.contactId !== null, 'a contact was made for the caller');
    const types = session.timeline.map((entry) => entry.type);
    for (const type of ['call.received', 'call.answered', 'dtmf.received', 'call.ended']) {
      story.check(types.includes(type), `the timeline has ${type}`);
    }
    const pressed = session.timeline.find((entry) => entry.type === 'dtmf.received');
    story.check(pressed?.data.digit === '1', 'the key the caller pressed was 1');
    story.block('Timeline', timelineLines(session.timeline));

    const ladder = await gateway.api(`/v1/sessions/${session.id}/ladder?format=text`);
    const text = String(ladder.body);
    story.check(
      ['INVITE', '200 OK', 'ACK', 'BYE'].every((word) => text.includes(word)),
      'the ladder has INVITE, 200, ACK and BYE',
    );
    story.block('SIP ladder', text.split('\n'));
    story.detail('Actions and the transfer to a human are not part of this demo yet.');

    if (options.keep && story.failures.length === 0) {
      story.step('The gateway stays up until Ctrl-C.');
      story.detail(`VOICE_GATEWAY_URL=${gateway.httpUrl} DATA_DIR=${folder} npx voice-gateway sessions`);
      await new Promise<void>((resolve) => {
        if (options.signal.aborted) resolve();
        else options.signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  } finally {
    await gateway?.stop();
    await rm(folder, { recursive: true, force: true });
  }
};

/** The one session of the demo, once its end is written. */
const endedSession = async (gateway: TestGateway): Promise<Session> => {
  for (let attempt = 0; ; attempt += 1) {
    const { body } = await gateway.api('/v1/sessions?limit=1');
    const [item] = (body as { items: { id: string; status: string }[] }).items;
    if (item !== undefined && (item.status === 'ended' || attempt > 50)) {
      return (await gateway.api(`/v1/sessions/${item.id}`)).body as Session;
    }
    if (attempt > 50) throw new Error('the gateway has no session of the call');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};
