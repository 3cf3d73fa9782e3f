import type { RecordingParts } from '../api/index.js';
import type { Clock, Timer } from '../core/clock.js';
import { GatewayError, isGatewayError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { RecordingPlace } from '../domain/calls/index.js';
import type { RecordedPart, RecordingStore, SessionStore } from '../domain/sessions/index.js';
import { type CommandBus, InstanceAbsent } from '../platform/redis/index.js';
import type { Vault } from '../platform/vault/index.js';
import { recordingFiles } from './recordings-folder.js';

/** How long an instance that has the folder may take for one answer, ms. */
const patience = 5_000;
/** Bytes read at once from our own disk, and of sound in one message over Redis, which others wait behind. */
const [localPiece, remotePiece] = [256 * 1024, 128 * 1024];
/** ms between two looks for recordings that are kept no longer. */
const sweepEvery = 600_000;

export type RecordingsDeps = {
  readonly place: RecordingPlace;
  readonly bus: CommandBus;
  readonly vault: Pick<Vault, 'sealBytes' | 'openBytes'>;
  readonly sessions: Pick<SessionStore, 'locate'>;
  /** ms a session is kept after its end, and its recordings with it. */
  readonly retention: number;
  readonly clock: Clock;
  readonly log: Logger;
};

export type Recordings = {
  readonly parts: RecordingParts;
  /** Gives other instances what is in our folder, and removes what is kept no longer, until the returned function is called. */
  serve(): Promise<() => void>;
};

/** Every instance that has a folder takes commands under its id: one that is started again is found by it too. */
const channelOf = ({ store }: Pick<RecordingStore, 'store'>): string => `${store}.recordings`;

type Command = {
  readonly file?: unknown;
  readonly files?: unknown;
  readonly from?: unknown;
  readonly to?: unknown;
};

/** The recordings of all instances: our own folder first, which may be shared, then whoever has the folder. */
export const createRecordings = (deps: RecordingsDeps): Recordings => {
  const { place, bus, vault, clock, log } = deps;
  const files = recordingFiles(place.folder);
  // What people said is as secret as what an action answers: nobody who listens to Redis shall have it.
  const scopeOf = (file: string) => ({ organization: '', kind: 'recording', name: file });

  const sizesHere = async (names: readonly string[]): Promise<Record<string, number | null>> =>
    Object.fromEntries(await Promise.all(names.map(async (name) => [name, await files.size(name)] as const)));

  const here = {
    sizes: ({ files: names }: Command) => sizesHere((Array.isArray(names) ? names : []).map(String)),
    async piece({ file, from, to }: Command) {
      const name = String(file);
      const first = Number(from);
      const last = Number(to);
      if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last) || first < 0 || last - first >= remotePiece) {
        throw new GatewayError('bad_request', 'This is not a piece of a recording.');
      }
      return vault.sealBytes(scopeOf(name), await files.read(name, first, last));
    },
    async remove({ file }: Command) {
      await files.remove(String(file));
      return null;
    },
  };
  type Name = keyof typeof here;
  const isName = (name: string): name is Name => Object.hasOwn(here, name);

  const ask = async (where: RecordingStore, name: Name, command: Command): Promise<unknown> => {
    try {
      return await bus.request(channelOf(where), name, command, { timeout: patience });
    } catch (error) {
      const folder = `The recording is in the folder of ${where.host} (${where.store})`;
      if (error instanceof InstanceAbsent) {
        throw new GatewayError('not_found', `${folder}, which no instance that is running has.`, { cause: error });
      }
      if (isGatewayError(error, 'owner_unreachable')) {
        throw new GatewayError('owner_unreachable', `${folder}, which did not answer in time.`, { cause: error });
      }
      throw error;
    }
  };

  /** Sizes by name, of another folder. */
  const sizesThere = async (where: RecordingStore, names: readonly string[]): Promise<Map<string, number>> => {
    const answer = await ask(where, 'sizes', { files: names });
    return new Map(
      Object.entries(answer ?? {}).filter((each): each is [string, number] => typeof each[1] === 'number'),
    );
  };

  async function* ofOurs(file: string, from: number, to: number): AsyncGenerator<Uint8Array> {
    for (let at = from; at <= to; ) {
      const bytes = await files.read(file, at, Math.min(to, at + localPiece - 1));
      if (bytes.length === 0) return;
      yield bytes;
      at += bytes.length;
    }
  }

  async function* ofAnother(part: RecordedPart, from: number, to: number): AsyncGenerator<Uint8Array> {
    const { file } = part;
    for (let at = from; at <= to; ) {
      const sealed = await ask(part, 'piece', { file, from: at, to: Math.min(to, at + remotePiece - 1) });
      const bytes = vault.openBytes(scopeOf(file), String(sealed));
      if (bytes.length === 0) return;
      yield bytes;
      at += bytes.length;
    }
  }

  const parts: RecordingParts = {
    async sizes(asked) {
      const found = new Map(Object.entries(await sizesHere(asked.map(({ file }) => file))));
      const elsewhere = new Map<string, RecordedPart[]>();
      for (const part of asked) {
        if (found.get(part.file) !== null || part.store === place.store) continue;
        elsewhere.set(part.store, [...(elsewhere.get(part.store) ?? []), part]);
      }
      await Promise.all(
        [...elsewhere.values()].map(async (all) => {
          const [where] = all;
          if (where === undefined) return;
          const names = all.map(({ file }) => file);
          // What cannot be reached has no size, and the list is there all the same.
          const sizes = await sizesThere(where, names).catch(() => new Map<string, number>());
          for (const [name, bytes] of sizes) found.set(name, bytes);
        }),
      );
      return found;
    },
    async open(part) {
      const { file, host, store } = part;
      const own = await files.size(file);
      if (own !== null) return { bytes: own, read: (from, to) => ofOurs(file, from, to) };
      const bytes = store === place.store ? undefined : (await sizesThere(part, [file])).get(file);
      if (bytes === undefined) {
        throw new GatewayError(
          'not_found',
          `The recording was in the folder of ${host} (${store}) and is not any more.`,
        );
      }
      return { bytes, read: (from, to) => ofAnother(part, from, to) };
    },
    async remove(part) {
      const ours = part.store === place.store || (await files.size(part.file)) !== null;
      if (ours) await files.remove(part.file);
      else await ask(part, 'remove', { file: part.file });
    },
  };

  const sweep = async (): Promise<void> => {
    const kept = async (sessionId: string): Promise<boolean> => (await deps.sessions.locate(sessionId)) !== null;
    const removed = await files.sweep(clock.now() - deps.retention, kept);
    if (removed > 0) log.info({ removed }, 'Recordings were removed with the sessions they were of.');
  };

  return {
    parts,
    async serve() {
      const off = await bus.serve(channelOf(place), async (name, payload) => {
        if (!isName(name)) throw new GatewayError('bad_request', `The command ${name} is not known to this instance.`);
        // Built by `ask` of another instance of this gateway.
        return here[name](payload as Command);
      });
      let timer: Timer | null = null;
      let over = false;
      const sweepLater = (): void => {
        if (over) return;
        timer = clock.after(sweepEvery, () => {
          sweep()
            .catch((error: unknown) => log.warn({ err: error }, 'Old recordings could not be removed.'))
            .finally(sweepLater);
        });
      };
      sweepLater();
      return () => {
        over = true;
        timer?.cancel();
        off();
      };
    },
  };
};
