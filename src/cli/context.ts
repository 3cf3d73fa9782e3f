/** The process around the command line, handed in by the entry file so that commands can be tested. */
export type CliContext = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Writes text as it is. */
  out(text: string): void;
  err(text: string): void;
  readStdin(): Promise<string>;
  /** Standard output is a terminal: lists may be drawn again in place, and messages coloured unless NO_COLOR is set. */
  readonly terminal?: { readonly rows: number; readonly colour: boolean };
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
};
