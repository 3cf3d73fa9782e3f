import { type CallReport, parseDtmf, placeTestCall } from '../../src/telephony/caller/index.js';

export type Phone = {
  /** Resolves when the call was answered; rejects when it was not. */
  readonly answered: Promise<void>;
  /** Resolves when the call is over. */
  readonly done: Promise<CallReport>;
  hangUp(): void;
};

/** The product's own telephone as a caller for tests. */
export const dial = (options: {
  readonly sipPort: number;
  readonly called?: string;
  readonly from?: string;
  readonly dtmf?: string;
  readonly transport?: 'udp' | 'tcp' | 'tls';
  readonly record?: string;
  readonly toneHz?: number;
  readonly ringTimeout?: number;
}): Phone => {
  const stop = new AbortController();
  let onAnswered: () => void = () => {};
  let onFailed: (error: Error) => void = () => {};
  const answered = new Promise<void>((resolve, reject) => {
    onAnswered = resolve;
    onFailed = reject;
  });
  answered.catch(() => {});
  const transport = options.transport === undefined ? '' : `;transport=${options.transport}`;
  const done = placeTestCall(
    {
      uri: `sip:${options.called ?? '+14155550100'}@127.0.0.1:${options.sipPort}${transport}`,
      from: options.from ?? '+14155550123',
      display: null,
      headers: {},
      audio: options.toneHz === undefined ? null : { type: 'frequency', hz: options.toneHz, durationMs: 1_000 },
      repeat: true,
      presses: options.dtmf === undefined ? [] : parseDtmf(options.dtmf),
      record: options.record ?? null,
      secureMedia: false,
      digest: null,
      hangUpAfter: null,
      ringTimeout: options.ringTimeout ?? 10_000,
      signal: stop.signal,
    },
    (name, text) => {
      if (name === 'answered') onAnswered();
      else if (name === 'failed') onFailed(new Error(text));
    },
  );
  done.catch(onFailed);
  return { answered, done, hangUp: () => stop.abort() };
};
