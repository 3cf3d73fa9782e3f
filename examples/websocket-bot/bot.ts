/**
 * A bot of a hundred lines for the gateway's WebSocket leg (docs/reference/agent-websocket.md). It has no voice of its own,
 * so it whistles: a greeting, a high tone for what went well, a low one for what did not. Keys: 1 runs the first action,
 * 2 transfers to the first destination, 3 echoes the caller, 0 says goodbye and hangs up. Whoever speaks interrupts it.
 *
 *   node dist/examples/websocket-bot/bot.js         PORT (8090), BOT_TOKEN (none: whoever calls is let in)
 */
import type { IncomingMessage } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';

const port = Number(process.env.PORT ?? 8_090);
const token = process.env.BOT_TOKEN;
const sampleRate = 8_000;

type Tool = { name: string; parameters: { properties?: { destination?: { enum?: string[] } } } };
type Answer = { ok: boolean; value?: { success?: boolean; outcome?: string }; error?: { message: string } };
type Message =
  | { type: 'start'; session: string; caller: { number: string | null }; tools: Tool[]; resumed: unknown }
  | { type: 'dtmf'; digit: string }
  | { type: 'marked'; name: string }
  | ({ type: 'tool_result'; id: string } & Answer)
  | { type: 'muted' | 'unmuted' | 'cleared' | 'error' | 'stop'; reason?: string; message?: string };

/** Tones of 200 ms, one after the other, as 16-bit samples. */
const whistle = (...notes: number[]): Buffer => {
  const samples = Int16Array.from({ length: (notes.length * sampleRate) / 5 }, (_, i) => {
    const hz = notes[Math.floor((i * 5) / sampleRate)] ?? 0;
    return 8_000 * Math.sin((2 * Math.PI * hz * i) / sampleRate);
  });
  return Buffer.from(samples.buffer);
};

/** True when 20 ms of 16-bit audio are as loud as speech. */
const isLoud = (frame: Buffer): boolean => {
  const samples = new Int16Array(new Uint8Array(frame).buffer);
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample ** 2, 0) / samples.length) > 1_500;
};

const serve = (gateway: WebSocket): void => {
  let tools: Tool[] = [];
  let echoing = false;
  let speaking = false;
  let asked = 0;
  const waiting = new Map<string, (answer: Answer) => void>();

  const say = (message: object): void => gateway.send(JSON.stringify(message));
  const use = (name: string, args: object = {}): Promise<Answer> =>
    new Promise((resolve) => {
      asked += 1;
      waiting.set(String(asked), resolve);
      say({ type: 'tool', id: String(asked), name, arguments: args });
    });
  const play = (name: string, ...notes: number[]): void => {
    speaking = true;
    gateway.send(whistle(...notes));
    say({ type: 'mark', name });
  };
  const report = (what: string, answer: Answer, good: boolean): void => {
    console.log(`${what}: ${JSON.stringify(answer.value ?? answer.error)}`);
    play('report', good ? 1_200 : 300);
  };

  const onKey = async (digit: string): Promise<void> => {
    if (digit === '1') {
      const action = tools.find(({ name }) => !['transfer_call', 'end_call', 'send_dtmf'].includes(name));
      if (action === undefined) return play('none', 300);
      const answer = await use(action.name);
      report(action.name, answer, answer.value?.success === true);
    } else if (digit === '2') {
      const [destination] =
        tools.find(({ name }) => name === 'transfer_call')?.parameters.properties?.destination?.enum ?? [];
      if (destination === undefined) return play('none', 300);
      const answer = await use('transfer_call', { destination, summary: 'The caller pressed 2.' });
      // When it is connected the gateway says goodbye by itself; else the caller is back here.
      if (answer.value?.outcome !== 'connected') report('transfer', answer, false);
    } else if (digit === '3') echoing = !echoing;
    else if (digit === '0') play('goodbye', 880, 660, 440);
  };

  gateway.on('message', (data: Buffer, binary) => {
    if (binary) {
      if (echoing) gateway.send(data);
      else if (speaking && isLoud(data)) {
        speaking = false;
        say({ type: 'clear' });
      }
      return;
    }
    const message: Message = JSON.parse(data.toString());
    if (message.type === 'start') {
      tools = message.tools;
      console.log(
        `${message.session}: ${message.caller.number ?? 'somebody'} calls; tools: ${tools.map((t) => t.name)}`,
      );
      if (message.resumed === null) play('greeting', 440, 660, 880);
      say({ type: 'ready' });
    } else if (message.type === 'dtmf') void onKey(message.digit);
    else if (message.type === 'tool_result') waiting.get(message.id)?.(message);
    else if (message.type === 'marked') {
      speaking = false;
      if (message.name === 'goodbye') void use('end_call', { reason: 'The caller pressed 0.' });
    } else if (message.type === 'error') console.error(message.message);
  });
  gateway.on('close', (code) => console.log(`closed with ${code}`));
};

const server = new WebSocketServer({
  host: '127.0.0.1',
  port,
  verifyClient: ({ req }: { req: IncomingMessage }) =>
    token === undefined || req.headers.authorization === `Bearer ${token}`,
});
server.on('connection', serve);
server.on('listening', () => console.log(`The bot listens on ws://127.0.0.1:${port}`));
