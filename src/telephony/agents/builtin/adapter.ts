import { type Clock, systemClock } from '../../../core/clock.js';
import { GatewayError } from '../../../core/errors.js';
import type { AgentAdapter } from '../../../domain/calls/ports.js';
import { runScript } from './runner.js';
import { fixedTexts, parseScript } from './script.js';
import type { Speech } from './speech.js';

/**
 * The built-in agent: runs a script over prompts and digits. Its configuration is the script itself (contract.md). A
 * script that comes to its end hangs up.
 */
export const scriptedAgent = (deps: { readonly speech: Speech; readonly clock?: Clock }): AgentAdapter => ({
  type: 'builtin',
  answers: 'at-once',
  validate: (config) => parseScript(config).faults,
  start: async (context, events) => {
    const { script, faults } = parseScript(context.config);
    const [fault] = faults;
    if (fault !== undefined) {
      throw new GatewayError('config_invalid', `The script is not valid: ${fault.path} ${fault.message}.`, {
        details: faults,
      });
    }
    deps.speech.prepare(fixedTexts(script.steps), script.voice);
    const run = runScript(script, {
      leg: context.leg,
      doors: context.doors,
      speech: deps.speech,
      clock: deps.clock ?? systemClock,
      log: context.log,
      facts: {
        caller: context.caller.e164 ?? '',
        called: context.called,
        agent: context.agentName,
      },
    });
    const stop = (): void => run.stop();
    context.signal.addEventListener('abort', stop, { once: true });
    if (context.signal.aborted) stop();
    const over = run.done.then(
      async (end) => {
        context.signal.removeEventListener('abort', stop);
        if (end === 'finished' || end === 'hung-up') {
          const reason = end === 'hung-up' ? 'the script hung up' : 'the script came to its end';
          // Refused when it has handed the caller over meanwhile: then it is the script alone that ends.
          await context.doors.endCall(reason).catch(() => events.left({ failed: false, reason }));
        }
      },
      (error: unknown) => {
        context.signal.removeEventListener('abort', stop);
        context.log.error({ error: String(error) }, 'a script failed');
        events.left({ failed: true, reason: error instanceof Error ? error.message : String(error) });
      },
    );
    return {
      dtmf: (digit) => run.digit(digit),
      mute: () => run.mute(),
      unmute: () => run.unmute(),
      stop: async () => {
        run.stop();
        await over;
      },
    };
  },
});
