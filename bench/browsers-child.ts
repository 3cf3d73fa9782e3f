// Browsers that follow an organization's events: `<url of the gateway> <organization> <secret of the dashboard>`.
import { createHmac } from 'node:crypto';
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { BrowsersCommand, BrowsersMessage } from './browsers-messages.js';

const [url = '', org = '', secret = ''] = process.argv.slice(2);
const say = (message: BrowsersMessage): void => void process.send?.(message);
const agent = new Agent({ keepAlive: false, maxSockets: 1_000 });

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
/** A dashboard's JWT for one person. */
const tokenOf = (sub: string): string => {
  const exp = Math.floor(Date.now() / 1_000) + 3_600;
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub, org, role: 'viewer', exp })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
};

let streams: ClientRequest[] = [];
let counts: number[] = [];
let delays: number[] = [];
let seen = 0;

const read = (response: IncomingMessage, index: number): void => {
  let rest = '';
  response.setEncoding('utf8').on('data', (chunk: string) => {
    const events = (rest + chunk).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) {
      const at = /^data: \{"sessionId":"[^"]*","at":"([^"]+)"/m.exec(event)?.[1];
      if (at === undefined) continue;
      counts[index] = (counts[index] ?? 0) + 1;
      seen += 1;
      if (seen % 100 === 0) delays.push(Date.now() - Date.parse(at));
    }
  });
  response.on('error', () => {});
};
const follow = (index: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${tokenOf(`browser-${index}`)}` };
    const stream = request(`${url}/v1/events`, { agent, headers }, (response) => {
      if (response.statusCode !== 200) return reject(new Error(`a stream was answered ${response.statusCode}`));
      counts[index] = 0;
      read(response, index);
      resolve();
    });
    stream.on('error', reject);
    stream.end();
    streams.push(stream);
  });

process.on('message', (command: BrowsersCommand) => {
  if (command.kind === 'follow') {
    [counts, delays, seen] = [[], [], 0];
    void Promise.all(Array.from({ length: command.browsers }, (_, index) => follow(index))).then(() =>
      say({ kind: 'following' }),
    );
    return;
  }
  for (const stream of streams) stream.destroy();
  streams = [];
  say({ kind: 'left', counts, delays });
});
process.on('disconnect', () => process.exit(0));
