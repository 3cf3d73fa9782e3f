import type { SendFailure } from '../transport.js';

/** An error that is a `SendFailure`, so that it can be thrown and matched on its code alike. */
export const sendFailure = (code: SendFailure['code'], detail: string): Error & SendFailure =>
  Object.assign(new Error(detail), { code, detail });

export const isSendFailure = (error: unknown): error is SendFailure =>
  typeof error === 'object' && error !== null && 'code' in error && 'detail' in error;

/** The system error's own words, `connect ECONNREFUSED 192.0.2.1:5060`, or whatever was thrown. */
export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
