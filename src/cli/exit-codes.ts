/** What the exit status of the command line says. Documented in docs/reference/cli.md. */
export const exitCodes = {
  ok: { code: 0, meaning: 'Done.' },
  failed: { code: 1, meaning: 'The gateway or this machine failed; the sentence says what.' },
  usage: { code: 2, meaning: 'The command line cannot be understood.' },
  unreachable: { code: 3, meaning: 'No gateway answers at VOICE_GATEWAY_URL.' },
  refused: { code: 4, meaning: 'The credential is missing, not valid, or may not do this.' },
  notFound: { code: 5, meaning: 'There is no such organization, session or file.' },
  invalid: { code: 6, meaning: 'The document, request or configuration has faults; each is named with its path.' },
  conflict: { code: 7, meaning: 'It collides with what is there, such as a number of another organization.' },
  different: { code: 8, meaning: '`diff`: applying the document would change something.' },
} as const satisfies Record<string, { readonly code: number; readonly meaning: string }>;

export type ExitName = keyof typeof exitCodes;

/** A failure a person is told in one sentence, with further lines when there are many faults. */
export class CliError extends Error {
  readonly exit: ExitName;
  readonly lines: readonly string[];

  constructor(exit: ExitName, sentence: string, lines: readonly string[] = []) {
    super(sentence);
    this.name = 'CliError';
    this.exit = exit;
    this.lines = lines;
  }
}
