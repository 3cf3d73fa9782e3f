import type { InstanceParts, InstanceView } from '../api/index.js';
import type { CommandBus } from '../platform/redis/index.js';
import type { CommandTaker } from './transfer-control.js';

/** How long another instance may take to tell of itself, ms. */
const patience = 1_500;

type Told = Omit<InstanceView, 'id' | 'here' | 'beat'>;

export type InstanceDeps = {
  readonly instanceId: string;
  readonly bus: CommandBus;
  /** Instances with a beat in the store. */
  readonly beats: () => Promise<readonly { readonly id: string; readonly at: number }[]>;
  readonly self: () => NonNullable<Told['state']>;
  /** MOS of live calls by session, of this instance. */
  readonly quality: (orgId: string) => Readonly<Record<string, number>>;
  readonly rejections: () => readonly unknown[];
};

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};

/** What every instance tells of itself, asked of all of them at once; one that does not answer is shown as silent. */
export const createInstances = (deps: InstanceDeps): { readonly parts: InstanceParts; readonly take: CommandTaker } => {
  const here = (name: string, payload: unknown): unknown => {
    if (name === 'instance-state') return deps.self();
    if (name === 'instance-quality') return deps.quality(String(record(payload).orgId));
    return name === 'instance-rejections' ? deps.rejections() : undefined;
  };

  const ask = async (name: string, payload: unknown) => {
    const beats = await deps.beats();
    return Promise.all(
      beats.map(async ({ id, at }) => ({
        ...{ id, at },
        answer:
          id === deps.instanceId
            ? here(name, payload)
            : await deps.bus.request(id, name, payload, { timeout: patience }).catch(() => null),
      })),
    );
  };

  return {
    parts: {
      async list() {
        const told = await ask('instance-state', {});
        return told.map(({ id, at, answer }) => ({
          ...{ id, here: id === deps.instanceId, beat: new Date(at).toISOString() },
          // What our own kind sent; the schema of the route is not applied to answers.
          state: answer as Told['state'],
        }));
      },
      async quality(orgId) {
        const told = await ask('instance-quality', { orgId });
        return Object.fromEntries(
          told
            .flatMap(({ answer }) => Object.entries(record(answer)))
            .flatMap(([id, mos]) => (typeof mos === 'number' ? [[id, mos]] : [])),
        );
      },
      async rejections() {
        const told = await ask('instance-rejections', {});
        return told.flatMap(({ id, answer }) =>
          (Array.isArray(answer) ? answer : []).map((each) => ({ ...record(each), instance: id }) as never),
        );
      },
    },
    take: (name, payload) => {
      const answer = here(name, payload);
      return answer === undefined ? null : Promise.resolve(answer);
    },
  };
};
