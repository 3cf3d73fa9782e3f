import { EgressFailure } from '../../platform/egress/index.js';
import { TokenError } from './oauth-token.js';
import { AuthenticationFault } from './prepare.js';
import type { RunErrorType } from './runs.js';
import { TemplateError } from './template/syntax.js';

/** A run that brought nothing usable: what the operator reads and what the AI is told. */
export type Failure = {
  readonly type: RunErrorType;
  readonly operator: string;
  readonly ai: string;
  readonly status: number | null;
};

/** The plain sentences of the AI: what it can say and do, without names of hosts or parts. */
export const aiSentences = {
  setup: 'This action is not set up correctly and cannot be used now.',
  unreachable: 'Something went wrong: the system could not be reached.',
  unreadable: 'Something went wrong: the system answered in a way that cannot be used.',
} as const;

const unreadable: ReadonlySet<RunErrorType> = new Set([
  'protocol',
  'headers_too_large',
  'response_too_large',
  'bad_encoding',
]);

/** Names what went wrong; `timeoutMs` is the whole budget of the call. */
export const failureOf = (error: unknown, timeoutMs: number): Failure => {
  if (error instanceof EgressFailure) {
    if (error.kind === 'timeout') {
      const sentence = `Request timed out after ${timeoutMs}ms`;
      return { type: 'timeout', operator: sentence, ai: sentence, status: 408 };
    }
    const refused = error.kind === 'refused_address' || error.kind === 'bad_request';
    const ai = refused
      ? aiSentences.setup
      : unreadable.has(error.kind)
        ? aiSentences.unreadable
        : aiSentences.unreachable;
    return { type: error.kind, operator: error.message, ai, status: null };
  }
  if (error instanceof TemplateError) {
    return {
      type: 'template',
      operator: `The request cannot be built: ${error.message}.`,
      ai: aiSentences.setup,
      status: null,
    };
  }
  if (error instanceof AuthenticationFault) {
    return { type: 'authentication', operator: error.message, ai: aiSentences.setup, status: null };
  }
  if (error instanceof TokenError)
    return { type: 'token', operator: error.message, ai: aiSentences.unreachable, status: null };
  return { type: 'internal', operator: 'The gateway could not run the action.', ai: aiSentences.setup, status: null };
};
