import { mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { GatewayError } from '../core/errors.js';
import { newUuid } from '../core/ids.js';
import type { RecordingPlace } from '../domain/calls/index.js';

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
/** `<session>.wav`, and `<session>-2.wav` for what was recorded after a stop. */
const recordingName = new RegExp(`^(${uuid})(?:-\\d{1,6})?\\.wav$`);
/** The session a file is of; null for one that is no recording. */
const sessionOfFile = (name: string): string | null => recordingName.exec(name)?.[1] ?? null;

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);
const ifMissing =
  <T>(otherwise: T) =>
  (error: unknown): T => {
    if (codeOf(error) === 'ENOENT') return otherwise;
    throw error;
  };

/** Holds the id of the folder: whoever has the folder has the id, whichever process, pod or machine it is. */
const idFile = '.store';
/** Looks at an id file that another instance is just writing, and ms between them. */
const [looks, lookEvery] = [40, 50];

const idOf = async (folder: string): Promise<string> => {
  const path = join(folder, idFile);
  const id = newUuid();
  const made = await writeFile(path, `${id}\n`, { flag: 'wx', mode: 0o600 }).then(
    () => true,
    (error: unknown) => {
      if (codeOf(error) === 'EEXIST') return false;
      throw error;
    },
  );
  if (made) return id;
  for (let look = 0; look < looks; look += 1) {
    const found = new RegExp(`^${uuid}`).exec(await readFile(path, 'utf8'))?.[0];
    if (found !== undefined) return found;
    await delay(lookEvery);
  }
  // Whoever made it ended before it wrote the id.
  await writeFile(path, `${id}\n`);
  return id;
};

/** The folder of recordings below `dataDir`, made when missing, with its id. */
export const openRecordingsFolder = async (dataDir: string): Promise<RecordingPlace> => {
  const folder = join(dataDir, 'recordings');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return { folder, store: await idOf(folder), host: hostname() };
};

/** Recordings in a folder, by the name of their file. Throws GatewayError bad_request for a name that is none of a recording. */
export type RecordingFiles = {
  /** Bytes; null when there is no such file. */
  size(file: string): Promise<number | null>;
  /** The bytes from `from` to `to`, both inclusive; fewer when the file ends before. Rejects when there is none. */
  read(file: string, from: number, to: number): Promise<Buffer>;
  /** Gone is gone: one that is not there is no error. */
  remove(file: string): Promise<void>;
  /** Removes what was last written before `before` (ms since the epoch) and belongs to no session any more. */
  sweep(before: number, isKept: (sessionId: string) => Promise<boolean>): Promise<number>;
};

export const recordingFiles = (folder: string): RecordingFiles => {
  const pathOf = (file: string): string => {
    if (sessionOfFile(file) !== null) return join(folder, file);
    throw new GatewayError('bad_request', 'This is not the name of a recording.');
  };
  return {
    async size(file) {
      const found = await stat(pathOf(file)).catch(ifMissing(null));
      return found?.isFile() === true ? found.size : null;
    },
    async read(file, from, to) {
      const handle = await open(pathOf(file), 'r');
      try {
        const buffer = Buffer.alloc(Math.max(0, to - from + 1));
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, from);
        return buffer.subarray(0, bytesRead);
      } finally {
        await handle.close();
      }
    },
    remove: async (file) => rm(pathOf(file), { force: true }),
    async sweep(before, isKept) {
      let removed = 0;
      // One after the other: it is in no hurry, and calls are.
      for (const name of await readdir(folder)) {
        const sessionId = sessionOfFile(name);
        if (sessionId === null) continue;
        const found = await stat(join(folder, name)).catch(ifMissing(null));
        if (found === null || found.mtimeMs > before || (await isKept(sessionId))) continue;
        await rm(join(folder, name), { force: true });
        removed += 1;
      }
      return removed;
    },
  };
};
