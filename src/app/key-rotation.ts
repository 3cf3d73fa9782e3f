import type { KeyRotation, KeyUse, RotationState } from '../api/index.js';
import type { Clock } from '../core/clock.js';
import { GatewayError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { KeyRing, RingCheckStore, SealedValues } from '../platform/vault/index.js';

export type KeyRotationDeps = {
  readonly ring: Pick<KeyRing, 'active' | 'ids'>;
  readonly checks: RingCheckStore;
  readonly values: readonly SealedValues[];
  readonly organizations: () => Promise<readonly string[]>;
  readonly clock: Clock;
  readonly log: Logger;
};

const at = (ms: number): string => new Date(ms).toISOString();

/**
 * Rotation of the keys that seal what is stored. A new key goes in front of ENCRYPTION_KEYS on every instance; then
 * `rotate` wraps every value anew, in the background, while calls go on; then the old key may be retired, which is
 * refused while a value needs it, and left out of ENCRYPTION_KEYS at the next start.
 */
export const createKeyRotation = (deps: KeyRotationDeps): KeyRotation => {
  const { ring, checks, values, organizations, clock, log } = deps;
  let state: RotationState = {
    running: false,
    startedAt: null,
    finishedAt: null,
    moved: 0,
    unreadable: 0,
    error: null,
  };

  const uses = async (): Promise<readonly KeyUse[]> => {
    const known = new Set([...ring.ids, ...Object.keys(await checks.all())]);
    const found = new Map<string, Map<string, number>>();
    for (const orgId of await organizations()) {
      for (const kind of values) {
        for (const [kid, count] of await kind.count(orgId)) {
          const kinds = found.get(kid) ?? new Map<string, number>();
          kinds.set(kind.what, (kinds.get(kind.what) ?? 0) + count);
          found.set(kid, kinds);
          known.add(kid);
        }
      }
    }
    return [...known].map((id) => {
      const kinds = found.get(id) ?? new Map<string, number>();
      return {
        id,
        active: id === ring.active,
        values: [...kinds.values()].reduce((sum, count) => sum + count, 0),
        kinds: Object.fromEntries(kinds),
      };
    });
  };

  const work = async (): Promise<void> => {
    try {
      for (const orgId of await organizations()) {
        for (const kind of values) {
          const { moved, unreadable } = await kind.rewrap(orgId);
          state = { ...state, moved: state.moved + moved, unreadable: state.unreadable + unreadable };
          if (unreadable > 0)
            log.error(
              { organization: orgId, what: kind.what, unreadable },
              'Sealed values do not open with the keys at hand.',
            );
        }
      }
    } catch (error) {
      state = { ...state, error: error instanceof GatewayError ? error.message : 'The rotation failed; see the log.' };
      log.error({ err: error }, 'The rotation of keys stopped.');
    }
    state = { ...state, running: false, finishedAt: at(clock.now()) };
    log.info({ key: ring.active, moved: state.moved, unreadable: state.unreadable }, 'The rotation of keys has ended.');
  };

  return {
    status: async () => ({ active: ring.active, keys: await uses(), rotation: state }),
    start() {
      if (state.running) throw new GatewayError('conflict', 'A rotation is under way on this instance.');
      state = { running: true, startedAt: at(clock.now()), finishedAt: null, moved: 0, unreadable: 0, error: null };
      log.info({ key: ring.active }, 'A rotation of keys began.');
      void work();
    },
    async retire(kid) {
      if (kid === ring.active) {
        throw new GatewayError(
          'conflict',
          `Key ${JSON.stringify(kid)} is the one that seals; put another in front first.`,
        );
      }
      const use = (await uses()).find((key) => key.id === kid);
      if (use === undefined) throw new GatewayError('not_found', `There is no key ${JSON.stringify(kid)}.`);
      if (use.values > 0) {
        const list = Object.entries(use.kinds).map(([what, count]) => `${count} ${what}`);
        throw new GatewayError('conflict', `Key ${JSON.stringify(kid)} is still needed: ${list.join(', ')}.`);
      }
      await checks.remove(kid);
      log.info({ key: kid }, 'A key was retired: it may be left out of ENCRYPTION_KEYS now.');
    },
  };
};
