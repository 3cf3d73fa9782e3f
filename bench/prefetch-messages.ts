/** What the prefetch bench and its subject say to each other. */
export type PrefetchSubjectMessage =
  | { readonly kind: 'ready'; readonly webhookUrl: string; readonly bareUrl: string }
  | { readonly kind: 'created'; readonly ids: readonly string[] }
  /** Processor time of the process so far, ms. */
  | { readonly kind: 'cpu'; readonly spent: number };

/** Create live sessions of callers number `from` to `to`; say what processor time was spent. */
export type PrefetchSubjectCommand =
  | { readonly kind: 'create'; readonly from: number; readonly to: number }
  | { readonly kind: 'cpu' };

export const benchOrganization = 'bench';

/** The caller of session `n`. */
export const callerOf = (n: number): string => `+1${String(2_125_000_000 + n)}`;
