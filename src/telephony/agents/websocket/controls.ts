import type { Clock } from '../../../core/clock.js';
import { createTokenBucket } from '../../../core/rate-limit.js';
import type { AgentTools } from '../../../domain/calls/ports.js';
import type { BotFaultCode, BotMessage, BotNotice } from './messages.js';
import type { BotVoice } from './voice.js';

/** Control messages of a bot, audio left out. */
const controlRate = { perSecond: 50, burst: 100 };
/** Mistakes that are answered; after these the connection is closed. */
const faultRate = { perSecond: 1, burst: 20 };

/** What a bot says, carried out. */
export type BotControls = {
  take(message: BotMessage): void;
  /** Tells the bot of a mistake that is not its message's, such as audio at another rate. */
  fault(code: BotFaultCode, message: string): void;
  /** Resolves when every tool that was asked for has been answered. */
  settled(): Promise<void>;
};

export type ControlOptions = {
  readonly tools: Pick<AgentTools, 'call'>;
  readonly voice: BotVoice;
  readonly clock: Clock;
  readonly tell: (notice: BotNotice) => void;
  /** The bot is ready to be heard; may come more than once. */
  readonly ready: () => void;
  /** The bot has made more mistakes than can be borne. */
  readonly refuse: (reason: string) => void;
};

export const botControls = (options: ControlOptions): BotControls => {
  const { tools, voice, clock, tell } = options;
  const controls = createTokenBucket(controlRate, () => clock.monotonic());
  const faults = createTokenBucket(faultRate, () => clock.monotonic());
  const asked = new Set<Promise<void>>();

  const mistake = (code: BotFaultCode, message: string): void => {
    if (faults.take() > 0) options.refuse(`The bot made too many mistakes, the last one: ${message}`);
    else tell({ type: 'error', code, message });
  };

  /** The tools judge names, arguments and their own rate, and never reject. */
  const use = (work: Promise<void>): void => {
    asked.add(work);
    void work.finally(() => asked.delete(work));
  };

  const sendDtmf = async (digits: string): Promise<void> => {
    const answer = await tools.call('send_dtmf', { digits });
    if (!answer.ok) mistake('dtmf_refused', answer.fault.message);
  };

  const control = (message: Exclude<BotMessage, { type: 'audio' | 'fault' }>): void => {
    switch (message.type) {
      case 'ready':
        options.ready();
        return;
      case 'clear':
        tell({ type: 'cleared', ...voice.clear() });
        return;
      case 'mark':
        voice.mark(message.name);
        return;
      case 'dtmf':
        use(sendDtmf(message.digits));
        return;
      case 'tool':
        use(
          tools
            .call(message.name, message.arguments)
            .then((answer) => tell({ type: 'tool_result', id: message.id, answer })),
        );
        return;
      case 'ping':
        tell({ type: 'pong', id: message.id });
    }
  };

  return {
    take(message) {
      if (message.type === 'audio') {
        options.ready();
        voice.take(message.bytes);
      } else if (message.type === 'fault') mistake(message.code, message.message);
      else if (controls.take() > 0) {
        mistake('too_many', `More than ${controlRate.perSecond} control messages a second; this one was not taken.`);
      } else control(message);
    },
    fault: (code, message) => tell({ type: 'error', code, message }),
    async settled() {
      await Promise.all(asked);
    },
  };
};
