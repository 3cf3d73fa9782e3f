import { z } from 'zod';
import { protectedRoute, type Route } from '../http/route.js';

/** A key of the ring, and what needs it. */
export type KeyUse = {
  readonly id: string;
  readonly active: boolean;
  readonly values: number;
  /** Values by what they are. */
  readonly kinds: Readonly<Record<string, number>>;
};

/** The last rotation of the instance that answers; times ISO 8601. */
export type RotationState = {
  readonly running: boolean;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly moved: number;
  readonly unreadable: number;
  readonly error: string | null;
};

export type KeyRotation = {
  status(): Promise<{ readonly active: string; readonly keys: readonly KeyUse[]; readonly rotation: RotationState }>;
  /** Begins in the background. Throws GatewayError conflict while one is under way. */
  start(): void;
  /** Throws GatewayError conflict (needed still, or the one that seals), not_found. */
  retire(kid: string): Promise<void>;
};

const statusSchema = z.strictObject({
  active: z.string().describe('Id of the key that seals.'),
  keys: z.array(
    z.strictObject({
      id: z.string(),
      active: z.boolean(),
      values: z.int().describe('How many sealed values need it.'),
      kinds: z.record(z.string(), z.int()),
    }),
  ),
  rotation: z.strictObject({
    running: z.boolean(),
    startedAt: z.iso.datetime().nullable(),
    finishedAt: z.iso.datetime().nullable(),
    moved: z.int(),
    unreadable: z.int(),
    error: z.string().nullable(),
  }),
});

/** Keys that seal what is stored: for operators alone. */
export const keyRoutes = (rotation: KeyRotation): readonly Route[] => [
  protectedRoute({
    method: 'get',
    path: '/v1/keys',
    summary: 'The keys that seal what is stored, and how many values need each',
    tag: 'Operation',
    action: 'system:read',
    replies: { 200: { description: 'Never a key itself.', schema: statusSchema } },
    errors: ['store_unavailable'],
    async handle() {
      return { status: 200, body: await rotation.status() };
    },
  }),
  protectedRoute({
    method: 'post',
    path: '/v1/keys/rotate',
    summary: 'Seals everything anew under the active key, in the background; a dry run only counts',
    tag: 'Operation',
    action: 'system:write',
    body: { schema: z.strictObject({ dryRun: z.boolean().default(false) }) },
    replies: {
      200: { description: 'Dry run: what there is to do.', schema: statusSchema },
      202: { description: 'It has begun.', schema: statusSchema },
    },
    errors: ['bad_request', 'conflict', 'unsupported_media_type', 'store_unavailable'],
    async handle({ body }) {
      const before = await rotation.status();
      if (body.dryRun) return { status: 200, body: before, changes: [] };
      rotation.start();
      return { status: 202, body: before };
    },
  }),
  protectedRoute({
    method: 'delete',
    path: '/v1/keys/{id}',
    summary: 'Retires a key that no value needs: the gateway starts without it from then on',
    tag: 'Operation',
    action: 'system:write',
    params: z.strictObject({ id: z.string().min(1).max(32) }),
    replies: { 204: { description: 'It may be left out of ENCRYPTION_KEYS.' } },
    errors: ['not_found', 'conflict', 'store_unavailable'],
    async handle({ params: { id } }) {
      await rotation.retire(id);
      return { status: 204 };
    },
  }),
];
