import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecordingFile, RecordingParts } from '../api/index.js';

const nameOf = (id: string): string => `${id}.wav`;
const idIn = (name: string): string | null => /^([0-9a-f-]{36})\.wav$/.exec(name)?.[1] ?? null;

/** Bytes read at once while a recording is sent. */
const piece = 256 * 1024;

async function* bytesOf(path: string, from: number, to: number): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r');
  try {
    for (let at = from; at <= to; ) {
      const buffer = Buffer.alloc(Math.min(piece, to - at + 1));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

/** Recordings in the folder of this instance, by the session they are of. */
export const createRecordings = (folder: string): RecordingParts => {
  const find = async (id: string): Promise<RecordingFile | null> => {
    const found = await stat(join(folder, nameOf(id))).catch(() => null);
    return found === null || !found.isFile() ? null : { id, bytes: found.size, at: found.mtimeMs };
  };
  return {
    find,
    async newest() {
      const ids = (await readdir(folder)).map(idIn).filter((id) => id !== null);
      const files: RecordingFile[] = [];
      // In pieces: ten thousand open questions to the disk at once help nobody.
      for (let at = 0; at < ids.length; at += 200) {
        const some = await Promise.all(ids.slice(at, at + 200).map(find));
        files.push(...some.filter((file) => file !== null));
      }
      return files.sort((a, b) => b.at - a.at || (a.id < b.id ? -1 : 1));
    },
    read: (id, from, to) => bytesOf(join(folder, nameOf(id)), from, to),
  };
};
