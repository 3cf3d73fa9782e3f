import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const isThere = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/**
 * True where a program is on the machine. In CI its absence is a failure; elsewhere what needs it is skipped, and the log
 * says why.
 */
export const hasProgram = (program: string, debianPackage: string): boolean => {
  // Debian keeps servers where an ordinary user's PATH does not look.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  if (folders.some((folder) => isThere(join(folder, program)))) return true;
  const sentence = `${program} (Debian: ${debianPackage}) is not on this machine.`;
  if (process.env.CI === 'true') throw new Error(sentence);
  console.info(`${sentence} What needs it is skipped.`);
  return false;
};
