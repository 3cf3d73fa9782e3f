import { createHash } from 'node:crypto';
import { mkdir, readdir, realpath, rename, rm, stat, utimes } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { isGatewayError } from '../../../core/errors.js';
import { newUuid } from '../../../core/ids.js';
import type { Logger } from '../../../core/logger.js';
import { espeak } from './espeak.js';
import { type ShippedPrompt, standIn } from './shipped-prompts.js';
import type { Announcer, SayOptions, Speech, Spoken } from './speech.js';

export type SpeakerOptions = {
  /** The prompts that come with the gateway. */
  readonly shippedFolder: string;
  /** Folders of WAV files scripts may play, the first one that has the file wins; the shipped ones come last. */
  readonly promptFolders: readonly string[];
  /** Where spoken texts are kept. */
  readonly cacheFolder: string;
  /** Bytes of spoken texts kept; the ones not used for longest go first. */
  readonly cacheBytes?: number;
  readonly defaultVoice?: string;
  /** espeak-ng, or another program that takes the same arguments. */
  readonly command?: string;
  /** ms for one text. */
  readonly timeout?: number;
  readonly log: Logger;
};

const CACHE_BYTES = 200 * 1024 * 1024;
const TIMEOUT = 10_000;
/** Texts spoken at once: each takes a core for a moment. */
const CONCURRENCY = 2;
/** Texts waiting; more means that something is wrong, and a shipped prompt is better than a caller in silence. */
const MAX_WAITING = 100;
/** Cached files are looked through once for so many new ones. */
const PRUNE_EVERY = 50;

const nothing = (): void => {};

/** Speech of this machine: espeak-ng with a cache where there is one, shipped prompts where not. */
export const createSpeaker = (options: SpeakerOptions): Speech & Announcer => {
  const { log } = options;
  const voice = options.defaultVoice ?? 'en-us';
  const underWay = new Map<string, Promise<string>>();
  const waiting: (() => void)[] = [];
  let active = 0;
  let missing = false;
  let made = 0;
  let folderReady: Promise<unknown> | null = null;

  const slot = async (): Promise<void> => {
    if (active < CONCURRENCY) {
      active++;
      return;
    }
    if (waiting.length >= MAX_WAITING) throw new Error('too many texts wait to be spoken');
    // The slot is handed over by the one who leaves, so the count stays as it is.
    await new Promise<void>((go) => waiting.push(go));
  };
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) active--;
    else next();
  };

  const speak = async (text: string, chosen: string, file: string, signal: AbortSignal): Promise<void> => {
    folderReady ??= mkdir(options.cacheFolder, { recursive: true, mode: 0o700 });
    await folderReady;
    await slot();
    try {
      const timeout = options.timeout ?? TIMEOUT;
      await espeak({ text, voice: chosen, file, timeout, signal }, options.command);
    } finally {
      leave();
    }
  };

  const prune = async (): Promise<void> => {
    const names = (await readdir(options.cacheFolder)).filter((name) => name.startsWith('kept-'));
    const files = await Promise.all(
      names.map(async (name) => {
        const path = join(options.cacheFolder, name);
        const { size, mtimeMs } = await stat(path);
        return { path, size, mtimeMs };
      }),
    );
    let total = files.reduce((sum, file) => sum + file.size, 0);
    for (const file of files.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
      if (total <= (options.cacheBytes ?? CACHE_BYTES)) return;
      await rm(file.path, { force: true });
      total -= file.size;
    }
  };

  /** The kept file of a text; made once however many calls ask for it at the same moment. */
  const kept = async (text: string, chosen: string): Promise<string> => {
    const key = createHash('sha256').update(`${chosen}\n${text}`).digest('hex');
    const path = join(options.cacheFolder, `kept-${key}.wav`);
    const now = new Date();
    // Its time of change says when it was last used.
    const known = await utimes(path, now, now).then(
      () => true,
      () => false,
    );
    if (known) return path;
    const running = underWay.get(path);
    if (running !== undefined) return running;
    const making = (async () => {
      const draft = join(options.cacheFolder, `draft-${newUuid()}.wav`);
      try {
        // Not bound to one call: others may be waiting for the same text.
        await speak(text, chosen, draft, AbortSignal.timeout(2 * (options.timeout ?? TIMEOUT) + 60_000));
        await rename(draft, path);
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
      if (++made % PRUNE_EVERY === 0) await prune().catch(nothing);
      return path;
    })();
    underWay.set(path, making);
    try {
      return await making;
    } finally {
      underWay.delete(path);
    }
  };

  const shipped = (name: ShippedPrompt): Spoken => ({
    source: { type: 'wav', path: join(options.shippedFolder, `${name}.wav`) },
    release: nothing,
  });

  const once = async (text: string, chosen: string, signal: AbortSignal): Promise<Spoken> => {
    const path = join(options.cacheFolder, `once-${newUuid()}.wav`);
    const release = (): void => void rm(path, { force: true }).catch(nothing);
    try {
      await speak(text, chosen, path, signal);
    } catch (error) {
      release();
      throw error;
    }
    return { source: { type: 'wav', path }, release };
  };

  /** A text by the voice of this machine; null when it cannot be spoken. Rejects for an abort only. */
  const spoken = async (text: string, wanted: Omit<SayOptions, 'question'>): Promise<Spoken | null> => {
    if (missing) return null;
    const chosen = wanted.voice ?? voice;
    try {
      if (!wanted.keep) return await once(text, chosen, wanted.signal);
      return { source: { type: 'wav', path: await kept(text, chosen) }, release: nothing };
    } catch (error) {
      if (wanted.signal.aborted) throw error;
      missing = isGatewayError(error, 'not_available');
      log.warn({ error: String(error) }, 'a text could not be spoken');
      return null;
    }
  };

  const say = async (text: string, sayOptions: SayOptions): Promise<Spoken> => {
    const own = await spoken(text, sayOptions);
    if (own !== null) return own;
    const name = standIn(text, sayOptions.question);
    log.warn({ prompt: name }, 'a shipped prompt stands for a text that this machine cannot speak');
    return shipped(name);
  };

  /** The file inside one of the folders, links resolved; null when there is none or it leads out of the folder. */
  const find = async (file: string): Promise<string | null> => {
    for (const folder of [...options.promptFolders, options.shippedFolder]) {
      try {
        const root = await realpath(folder);
        const path = await realpath(resolve(root, file));
        if (path.startsWith(root + sep) && (await stat(path)).isFile()) return path;
      } catch {
        // Not in this folder.
      }
    }
    return null;
  };

  return {
    say,
    play: async (file) => {
      const path = await find(file);
      if (path !== null) return { source: { type: 'wav', path }, release: nothing };
      log.warn({ file }, 'a WAV file of a script is not in the prompt folders');
      return shipped('announcement-unavailable');
    },
    announce: async (textOrFile, signal) => {
      if (!/\.wav$/i.test(textOrFile)) return spoken(textOrFile, { voice: null, keep: false, signal });
      const path = await find(textOrFile);
      return path === null ? null : { source: { type: 'wav', path }, release: nothing };
    },
    shipped,
    prepare: (texts, chosen) => {
      if (missing) return;
      for (const text of new Set(texts)) {
        kept(text, chosen ?? voice).catch((error) => {
          if (isGatewayError(error, 'not_available')) missing = true;
        });
      }
    },
  };
};
