/** The process around the command line, handed in by the entry file so that commands can be tested. */
export type CliContext = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Writes text as it is. */
  out(text: string): void;
  err(text: string): void;
  readStdin(): Promise<string>;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
};
