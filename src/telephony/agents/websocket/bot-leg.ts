import { type Clock, systemClock } from '../../../core/clock.js';
import { createTokenBucket } from '../../../core/rate-limit.js';
import type { AgentContext, AgentEvents, AgentLeg } from '../../../domain/calls/ports.js';
import { createAudioFormat } from './audio-format.js';
import type { BotConfig } from './config.js';
import { botControls } from './controls.js';
import { gatewayDialect } from './gateway-dialect.js';
import { handshakeHeaders, type SecretOf } from './handshake.js';
import { type BotLink, BotUnreachable, type DialBot, type LinkEnd, openLink } from './link.js';
import type { BotNotice, Dialect, StartFacts } from './messages.js';
import { startFacts } from './start-facts.js';
import { twilioDialect } from './twilio-dialect.js';
import { createVoice } from './voice.js';

export type BotLegDeps = {
  readonly dial: DialBot;
  readonly secretOf: SecretOf;
  /** Audio that was thrown away, seconds. */
  readonly dropped?: (direction: 'to-bot' | 'from-bot', seconds: number) => void;
  readonly clock?: Clock;
};

/** Frames of the caller kept while there is no connection: five seconds, so that first words are not lost. */
const mostEarly = 250;
/** Digits and answers of tools kept while a connection is dialled again. */
const mostNotices = 64;
/** Between attempts to have a lost connection again, ms; doubled each time. */
const firstPause = 250;
const longestPause = 2_000;
/** A bot whose connection is lost over and over is given up: so many losses at once, and so many a second on average. */
const losses = { perSecond: 1 / 60, burst: 4 };
/** How long the end waits for answers that are on their way to the bot, ms. */
const lastAnswers = 300;
/** A bot that hangs up while its last words are being played is heard to the end, up to this, ms. */
const lastWords = 10_000;

/** One call with a bot: dials it, keeps the connection, and ends once. */
export const startBotLeg = async (
  deps: BotLegDeps,
  config: BotConfig,
  context: AgentContext,
  events: AgentEvents,
): Promise<AgentLeg> => {
  const clock = deps.clock ?? systemClock;
  const { log } = context;
  const format = createAudioFormat(config.audio);
  const over = new AbortController();
  const lossBucket = createTokenBucket(losses, () => clock.monotonic());
  let link: { readonly socket: BotLink; readonly dialect: Dialect } | null = null;
  let early: Buffer[] = [];
  const notices: BotNotice[] = [];
  let muted = false;
  /** Until then nobody has the leg: what goes wrong is the failure of its start. */
  let joined = false;
  let onReady: () => void = () => {};
  let onFailed: (error: Error) => void = () => {};

  const dropped = (direction: 'to-bot' | 'from-bot', ms: number): void => deps.dropped?.(direction, ms / 1_000);

  const tell = (notice: BotNotice): void => {
    if (link === null) {
      const lasting = notice.type === 'dtmf' || notice.type === 'tool_result' || notice.type === 'marked';
      if (lasting && notices.length < mostNotices) notices.push(notice);
      return;
    }
    const text = link.dialect.notice(notice);
    if (text !== null) link.socket.say(text);
  };

  const voice = createVoice({
    leg: context.leg,
    format,
    clock,
    heard: (bytes) => {
      if (link !== null) {
        link.socket.audio(link.dialect.audio(bytes));
        return;
      }
      early.push(bytes);
      if (early.length <= mostEarly) return;
      early.shift();
      dropped('to-bot', 20);
    },
    marked: (name, playedMs, cleared) => tell({ type: 'marked', name, playedMs, cleared }),
    fault: (code, message) => {
      log.warn({ code, reason: message }, 'audio of a bot was not taken as it came');
      controls.fault(code, message);
    },
    dropped: (ms) => dropped('from-bot', ms),
  });

  const controls = botControls({
    tools: context.tools,
    voice,
    clock,
    tell,
    ready: () => onReady(),
    refuse: (reason) => {
      link?.socket.close(1008, 'too many mistakes');
      link = null;
      lost({ how: 'refused', reason });
    },
  });

  /** Ends the leg once; everything later is without effect. */
  const finish = (): boolean => {
    if (over.signal.aborted) return false;
    over.abort('over');
    voice.close();
    early = [];
    return true;
  };

  const fail = (reason: string): void => {
    if (!joined) onFailed(new Error(reason));
    else if (finish()) events.left({ failed: true, reason });
  };

  const leave = (reason: string): void => {
    const latest = clock.monotonic() + lastWords;
    // Looked at again, since a busy media worker plays later than the clock says.
    const look = (): void => {
      if (over.signal.aborted) return;
      const rest = Math.min(voice.queued(), latest - clock.monotonic());
      if (rest > 0) clock.after(Math.max(rest, 20), look);
      else if (finish()) events.left({ failed: false, reason });
    };
    look();
  };

  const hangUp = (reason: string): void => {
    link?.socket.close(1000, reason);
    link = null;
  };

  /** What became of a connection that stood. */
  const lost = (end: LinkEnd): void => {
    link = null;
    if (over.signal.aborted) return;
    if (!joined) fail(`${end.reason} It had not said that it is ready.`);
    else if (end.how === 'left') leave(end.reason);
    else if (end.how === 'refused' || config.reconnectWindow === 0) fail(end.reason);
    else if (lossBucket.take() > 0) fail(`${end.reason} It has happened too often in this call.`);
    else void again(end.reason);
  };

  const connect = async (signal: AbortSignal, since: number | null): Promise<void> => {
    const dialect = config.dialect === 'twilio' ? twilioDialect() : gatewayDialect();
    const call = { orgId: context.orgId, sessionId: context.sessionId, now: clock.now() };
    const headers = await handshakeHeaders(config, call, deps.secretOf);
    /** It may break while the facts for the start are being fetched. */
    const before: { end: LinkEnd | null } = { end: null };
    const socket = await openLink({
      ...{ url: config.url, dial: deps.dial, subprotocol: dialect.subprotocol, headers, clock, signal },
      events: {
        message: (data, binary) => controls.take(dialect.read(data, binary)),
        ended: (end) => {
          if (link !== null && link.dialect === dialect) lost(end);
          else before.end = end;
        },
        dropped: (frames) => dropped('to-bot', frames * 20),
      },
    });
    const resumed: StartFacts['resumed'] = since === null ? null : { gapMs: Math.round(clock.monotonic() - since) };
    const facts = await startFacts(context, config, format, { muted, resumed });
    if (signal.aborted) {
      socket.close(1000, 'given up');
      throw new BotUnreachable('The attempt was given up.', false);
    }
    if (before.end !== null) throw new BotUnreachable(before.end.reason, false);
    for (const text of dialect.start({ ...facts, muted })) socket.say(text);
    link = { socket, dialect };
    for (const notice of notices.splice(0)) tell(notice);
    socket.catchUp(early.splice(0).map((bytes) => dialect.audio(bytes)));
    if (dialect.readyAtOnce) onReady();
  };

  const again = async (why: string): Promise<void> => {
    const since = clock.monotonic();
    log.warn({ reason: why }, 'the connection to a bot was lost; it is dialled again');
    context.doors.note('agent.lost', { reason: why });
    const limit = new AbortController();
    const timer = clock.after(config.reconnectWindow, () => limit.abort('late'));
    const signal = AbortSignal.any([over.signal, limit.signal]);
    let last = why;
    for (let pause = firstPause; !signal.aborted; pause = Math.min(pause * 2, longestPause)) {
      try {
        await connect(signal, since);
        timer.cancel();
        context.doors.note('agent.resumed', { gapMs: Math.round(clock.monotonic() - since) });
        return;
      } catch (error) {
        if (!signal.aborted && error instanceof Error) last = error.message;
        // A store that does not answer at this moment is no reason to give up before the time.
        if (error instanceof BotUnreachable && error.final) limit.abort('final');
        else await sleep(clock, pause, signal);
      }
    }
    timer.cancel();
    fail(`${why} It could not be had again within ${config.reconnectWindow / 1_000} s: ${last}`);
  };

  const join = async (): Promise<void> => {
    const limit = new AbortController();
    const signal = AbortSignal.any([over.signal, limit.signal]);
    const ready = new Promise<void>((resolve, reject) => {
      onReady = resolve;
      onFailed = reject;
    });
    ready.catch(() => {});
    const timer = clock.after(config.readyTimeout, () => {
      onFailed(
        new Error(
          link === null
            ? `The bot at ${config.url.host} did not answer within ${config.readyTimeout / 1_000} s.`
            : `The bot at ${config.url.host} did not say that it is ready within ${config.readyTimeout / 1_000} s.`,
        ),
      );
      limit.abort('late');
    });
    // Once the leg has been handed over, its owner stops it.
    const onCallEnded = (): void => {
      onFailed(new Error('The call is over.'));
      limit.abort('ended');
    };
    context.signal.addEventListener('abort', onCallEnded, { once: true });
    if (context.signal.aborted) onCallEnded();
    try {
      if (config.answer === 'at-once') voice.listen();
      await Promise.all([connect(signal, null), ready]);
    } finally {
      timer.cancel();
      context.signal.removeEventListener('abort', onCallEnded);
    }
  };

  try {
    await join();
  } catch (error) {
    finish();
    tell({ type: 'stop', reason: 'call-ended' });
    hangUp('given up');
    throw error;
  }
  joined = true;
  // It has gone between its word and ours.
  if (link === null) lost({ how: 'lost', reason: 'The connection to the bot broke.' });
  voice.listen();
  void context.answered.then(() => voice.open());

  return {
    dtmf: (digit) => {
      if (!muted) tell({ type: 'dtmf', digit });
    },
    mute() {
      if (muted) return;
      muted = true;
      early = [];
      voice.mute();
      tell({ type: 'muted' });
    },
    unmute() {
      if (!muted) return;
      muted = false;
      voice.unmute();
      tell({ type: 'unmuted' });
    },
    async stop(why) {
      if (!finish() || link === null) return;
      await Promise.race([controls.settled(), sleep(clock, lastAnswers)]);
      tell({ type: 'stop', reason: why });
      hangUp(why);
    },
  };
};

/** Resolves after `ms`, or when the signal is aborted. */
const sleep = (clock: Clock, ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(ms, done);
    signal?.addEventListener('abort', done, { once: true });
    if (signal?.aborted) done();
  });
