/** A gateway whose agent is a WebSocket bot, a caller on it, and a shop for its actions. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CertificateAuthority, createCertificateAuthority } from '../../src/core/x509.js';
import { toneLevel } from './goertzel.js';
import { type HttpsTarget, startHttpsTarget } from './https-target.js';
import type { RtpPeer } from './rtp-peer.js';
import { type Caller, startTransferRig, type TransferRig } from './transfer-rig.js';
import { type BotCall, startBot, type TestBot } from './ws-bot.js';

export type BotRig = TransferRig & {
  readonly shop: HttpsTarget;
  /** Signs certificates that the gateway trusts. */
  readonly authority: CertificateAuthority;
  /** Points the agent at a bot and calls it. */
  talk(options?: {
    readonly leg?: Readonly<Record<string, unknown>>;
    readonly bot?: Parameters<typeof startBot>[0];
    readonly agent?: Readonly<Record<string, unknown>>;
    readonly destinations?: readonly unknown[];
  }): Promise<{ readonly caller: Caller; readonly call: BotCall; readonly phone: RtpPeer; readonly bot: TestBot }>;
  /** Points the agent at a URL. */
  point(
    url: string,
    leg?: Readonly<Record<string, unknown>>,
    agent?: Readonly<Record<string, unknown>>,
    destinations?: readonly unknown[],
  ): Promise<void>;
  /** Hangs every caller up and ends every bot. */
  tidy(): Promise<void>;
};

export const startBotRig = async (): Promise<BotRig> => {
  const folder = await mkdtemp(join(tmpdir(), 'vg-bot-'));
  const authority = createCertificateAuthority('Bot authority');
  const shop = await startHttpsTarget({ authority });
  const authorities = join(folder, 'authorities.pem');
  await writeFile(authorities, authority.certificate);
  const rig = await startTransferRig({
    env: { EGRESS_ALLOW: `localhost|127.0.0.0/8|${shop.port}`, EGRESS_AUTHORITIES: authorities },
  });
  const callers: Caller[] = [];
  const bots: TestBot[] = [];
  const call: TransferRig['call'] = async (options) => {
    const caller = await rig.call(options);
    callers.push(caller);
    return caller;
  };
  const point: BotRig['point'] = (url, leg = {}, agent = {}, destinations = []) =>
    rig.setUp([], destinations, { leg: { type: 'websocket', url, ...leg }, fallback: null, ...agent });
  return {
    ...rig,
    ...{ shop, authority, call, point },
    async talk({ leg, bot: options, agent, destinations } = {}) {
      const bot = await startBot(options);
      bots.push(bot);
      await point(bot.url, leg, agent, destinations);
      const caller = await call();
      return {
        caller,
        bot,
        call: await bot.call(bot.calls.length - 1 < 0 ? 0 : bot.calls.length - 1),
        phone: caller.phone,
      };
    },
    async tidy() {
      for (const caller of callers.splice(0)) {
        await caller.dialog.bye();
        await caller.until('the end of the call', (session) => session.status === 'ended');
      }
      await Promise.all(bots.splice(0).map((bot) => bot.close()));
    },
    async close() {
      await rig.close();
      await shop.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
};

/** How long a tone is in what a peer heard, ms, in steps of 20. */
export const toneLength = (peer: RtpPeer, hz: number, from = 0): number => {
  const samples = peer.heard(from);
  let length = 0;
  for (let at = 0; at + 160 <= samples.length; at += 160) {
    if (toneLevel(samples.subarray(at, at + 160), hz) > -20) length += 20;
  }
  return length;
};
