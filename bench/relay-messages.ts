/** What the relay bench and its two child processes tell each other. */

export type SubjectMode =
  /** Every datagram goes back where it came from: what Node's sockets cost by themselves. */
  | 'echo'
  /** The media plane with bridged legs, two for each call, in worker threads. */
  | 'relay'
  /** The same legs on the main thread, where their heap can be read. */
  | 'relay-inline';

export type SubjectCommand =
  | { readonly type: 'open'; readonly mode: SubjectMode; readonly peers: readonly number[]; readonly workers: number }
  | { readonly type: 'measure' }
  | { readonly type: 'report' };

export type SubjectReport = {
  /** Processor time of the whole process since `measure`, µs. */
  readonly cpuUs: number;
  readonly wallMs: number;
  /** Growth of this thread's heap since `measure`; null when a collection ran in between or it is not this thread's work. */
  readonly heapBytes: number | null;
  /** Share of time each media thread was busy since `measure`. */
  readonly busy: readonly number[];
};

export type SubjectMessage =
  /** The ports to send to: one for each peer, in their order. */
  | { readonly type: 'opened'; readonly ports: readonly number[] }
  | { readonly type: 'measuring' }
  | { readonly type: 'report'; readonly report: SubjectReport };

export type GeneratorCommand =
  | { readonly type: 'open'; readonly sockets: number }
  /** Sends 50 packets a second from each socket to its target. */
  | { readonly type: 'start'; readonly targets: readonly number[] }
  | { readonly type: 'measure' }
  | { readonly type: 'report' }
  | { readonly type: 'stop' };

export type GeneratorReport = {
  readonly sent: number;
  readonly received: number;
  /** From sending to receiving, ms. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuUs: number;
};

export type GeneratorMessage =
  | { readonly type: 'opened'; readonly ports: readonly number[] }
  | { readonly type: 'started' }
  | { readonly type: 'measuring' }
  | { readonly type: 'report'; readonly report: GeneratorReport };
