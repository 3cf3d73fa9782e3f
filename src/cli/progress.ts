import type { CliContext } from './context.js';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/** ms between two frames. */
const EVERY = 120;

/** Says on a terminal, on the error output, that something takes its time; what is printed elsewhere is not disturbed. */
export const withProgress = async <Result>(
  context: Pick<CliContext, 'terminal' | 'err'>,
  what: string,
  work: () => Promise<Result>,
): Promise<Result> => {
  if (context.terminal === undefined) return work();
  let at = 0;
  const show = (): void => {
    context.err(`\r${frames[at % frames.length]} ${what}`);
    at += 1;
  };
  show();
  const timer = setInterval(show, EVERY);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    context.err('\r\u001b[2K');
  }
};
