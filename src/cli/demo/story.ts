/** What the demo tells: numbered steps with the time since its start, and checks that must hold. */
export type Story = {
  step(text: string): void;
  detail(text: string): void;
  /** Records whether something held; `expected` says what should have been when it did not. */
  check(held: boolean, what: string, expected?: string): void;
  block(title: string, lines: readonly string[]): void;
  readonly failures: readonly string[];
};

export const tellStory = (out: (text: string) => void, now: () => number = () => performance.now()): Story => {
  const begun = now();
  const failures: string[] = [];
  let number = 0;
  return {
    step: (text) => {
      number += 1;
      out(`\n${((now() - begun) / 1_000).toFixed(1).padStart(6)} s  ${number}. ${text}\n`);
    },
    detail: (text) => out(`            ${text}\n`),
    check: (held, what, expected) => {
      if (!held) failures.push(what);
      out(`          ${held ? '✓' : '✗'} ${what}${held || expected === undefined ? '' : ` (${expected})`}\n`);
    },
    block: (title, lines) => out(`\n${title}\n${lines.map((line) => `  ${line}\n`).join('')}`),
    failures,
  };
};
