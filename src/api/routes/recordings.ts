import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import type { ApiDeps } from '../deps.js';
import { byteRange } from '../http/byte-range.js';
import { protectedRoute, type Route } from '../http/route.js';
import { actingOrganization, visibleSession } from '../organization-of.js';
import { organizationQuery, sessionSchema } from '../schemas.js';
import { sessionView } from '../views.js';

/** `at`: when it was last written, ms since the epoch. */
export type RecordingFile = { readonly id: string; readonly bytes: number; readonly at: number };

/** Recordings on this instance's disk, by the id of their session. */
export type RecordingParts = {
  find(id: string): Promise<RecordingFile | null>;
  /** All of them, newest first. */
  newest(): Promise<readonly RecordingFile[]>;
  /** The bytes from `from` to `to`, both inclusive. */
  read(id: string, from: number, to: number): AsyncIterable<Uint8Array>;
};

/** Bytes of a second: 8 kHz, two channels of 16 bits. */
const secondBytes = 32_000;
const headerBytes = 44;
const item = z.strictObject({
  session: sessionSchema,
  bytes: z.int(),
  seconds: z.number().describe('How long it is.'),
});

export const recordingRoutes = (deps: ApiDeps, recordings: RecordingParts): readonly Route[] => [
  protectedRoute({
    method: 'get',
    path: '/v1/recordings',
    summary: 'Recordings of calls on this instance, newest first',
    tag: 'Sessions',
    action: 'recordings:read',
    query: z.strictObject({
      organization: organizationQuery,
      limit: z.coerce.number('must be a number').int().min(1).max(200).default(50),
      cursor: z.string().max(64).optional(),
    }),
    replies: {
      200: {
        description: 'One page.',
        schema: z.strictObject({ items: z.array(item), next: z.string().nullable() }),
      },
    },
    errors: ['bad_request', 'store_unavailable'],
    async handle({ principal, query: { organization, limit, cursor } }) {
      const orgId = await actingOrganization(deps, principal, 'recordings:read', organization);
      const files = await recordings.newest();
      const start = cursor === undefined ? 0 : files.findIndex(({ id }) => id === cursor) + 1;
      const items: z.input<typeof item>[] = [];
      let next: string | null = null;
      for (const { id, bytes } of files.slice(start)) {
        const session = await deps.sessions.get(orgId, id);
        // Of another organization, or its session is not kept any more.
        if (session === null || session.status !== 'ended') continue;
        if (items.length === limit) {
          next = items.at(-1)?.session.id ?? null;
          break;
        }
        const seconds = Math.round(((bytes - headerBytes) / secondBytes) * 10) / 10;
        items.push({ session: sessionView(session), bytes, seconds: Math.max(0, seconds) });
      }
      return { status: 200, body: { items, next } };
    },
  }),
  protectedRoute({
    method: 'get',
    path: '/v1/sessions/{id}/recording',
    summary: 'The recording of an ended call: WAV, left what we heard, right what was heard of us; takes Range',
    tag: 'Sessions',
    action: 'recordings:read',
    params: z.strictObject({ id: z.string().min(1).max(64) }),
    replies: {
      200: { description: 'The whole of it.', contentTypes: ['audio/wav'] },
      206: { description: 'The part that `Range` asked for.', contentTypes: ['audio/wav'] },
      416: { description: 'There is no such part; `Content-Range` says how long the recording is.' },
    },
    errors: ['not_found', 'conflict', 'store_unavailable'],
    async handle({ principal, params: { id }, headers }) {
      const session = await visibleSession(deps, principal, 'recordings:read', id);
      const file = await recordings.find(session.id);
      if (file === null) throw new GatewayError('not_found', 'This instance has no recording of the session.');
      if (session.status !== 'ended') throw new GatewayError('conflict', 'The recording is still being written.');
      const range = byteRange(headers.range, file.bytes);
      const common = {
        'Accept-Ranges': 'bytes',
        'Cache-Control': 'private, no-store',
        'Content-Disposition': `inline; filename="${session.id}.wav"`,
      };
      if (range === 'none') {
        return { status: 416, headers: { ...common, 'Content-Range': `bytes */${file.bytes}` } };
      }
      const { from, to } = range ?? { from: 0, to: file.bytes - 1 };
      return {
        status: range === null ? 200 : 206,
        contentType: 'audio/wav',
        headers: {
          ...common,
          'Content-Length': String(to - from + 1),
          ...(range === null ? {} : { 'Content-Range': `bytes ${from}-${to}/${file.bytes}` }),
        },
        stream: recordings.read(session.id, from, to),
      };
    },
  }),
];
