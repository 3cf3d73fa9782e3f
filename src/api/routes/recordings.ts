import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import type { PhoneSession, RecordedPart } from '../../domain/sessions/index.js';
import type { ApiDeps } from '../deps.js';
import { byteRange } from '../http/byte-range.js';
import { protectedRoute, type Route } from '../http/route.js';
import { actingOrganization, visibleSession } from '../organization-of.js';
import { organizationQuery, recordedPartSchema, sessionSchema } from '../schemas.js';
import { recordedPartView, sessionView } from '../views.js';

/** The files of recordings, wherever they are. */
export type RecordingParts = {
  /** Bytes of each by the name of its file; null for one that is gone or cannot be reached. */
  sizes(parts: readonly RecordedPart[]): Promise<ReadonlyMap<string, number | null>>;
  /** Throws GatewayError not_found, which says where it was, or owner_unreachable. */
  open(part: RecordedPart): Promise<{
    readonly bytes: number;
    /** The bytes from `from` to `to`, both inclusive. */
    read(from: number, to: number): AsyncIterable<Uint8Array>;
  }>;
  /** Throws as `open` does; a file that is gone already is no error. */
  remove(part: RecordedPart): Promise<void>;
};

/** Bytes of a second: 8 kHz, two channels of 16 bits. */
const secondBytes = 32_000;
const headerBytes = 44;
const secondsOf = (bytes: number): number => Math.max(0, Math.round(((bytes - headerBytes) / secondBytes) * 10) / 10);

const item = z.strictObject({
  session: sessionSchema,
  parts: z.array(
    recordedPartSchema.extend({
      bytes: z.int().nullable().describe('null: the file is gone, or no instance that is running has its folder.'),
      seconds: z.number().nullable().describe('How long it is.'),
    }),
  ),
});

const params = z.strictObject({ id: z.string().min(1).max(64) });
const partNumber = z.coerce.number('must be a number').int().min(1).max(1_000_000).optional();

/** The part that is meant. Throws GatewayError not_found. */
const partOf = ({ id, recordings }: PhoneSession, number: number | undefined): RecordedPart => {
  const [first] = recordings;
  if (first === undefined) throw new GatewayError('not_found', `There is no recording of session ${id}.`);
  const part = number === undefined ? first : recordings.find((each) => each.part === number);
  if (part !== undefined) return part;
  const there = recordings.map((each) => each.part).join(', ');
  throw new GatewayError('not_found', `The recording of session ${id} has no part ${number}; there is ${there}.`);
};

const demandEnd = (session: PhoneSession): void => {
  if (session.status !== 'ended') throw new GatewayError('conflict', 'The recording is still being written.');
};

export const recordingRoutes = (deps: ApiDeps, recordings: RecordingParts): readonly Route[] => [
  protectedRoute({
    method: 'get',
    path: '/v1/recordings',
    summary: 'Recordings of ended calls on all instances, newest call first',
    tag: 'Sessions',
    action: 'recordings:read',
    query: z.strictObject({
      organization: organizationQuery,
      limit: z.coerce.number('must be a number').int().min(1).max(200).default(50),
      cursor: z.string().max(512).optional(),
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
      const { items, next } = await deps.sessions.list({
        ...{ orgId, limit, recorded: true, live: false },
        ...(cursor === undefined ? {} : { cursor }),
      });
      const sizes = await recordings.sizes(items.flatMap((session) => session.recordings));
      const view = (session: (typeof items)[number]): z.input<typeof item> => ({
        session: sessionView(session),
        parts: session.recordings.map((part) => {
          const bytes = sizes.get(part.file) ?? null;
          return { ...recordedPartView(part), bytes, seconds: bytes === null ? null : secondsOf(bytes) };
        }),
      });
      return { status: 200, body: { items: items.map(view), next } };
    },
  }),
  protectedRoute({
    method: 'get',
    path: '/v1/sessions/{id}/recording',
    summary: 'The recording of an ended call: WAV, left what we heard, right what was heard of us; takes Range',
    tag: 'Sessions',
    action: 'recordings:read',
    params,
    query: z.strictObject({
      part: partNumber.describe(
        'What was recorded after a `stop` is a part of its own: one of those in `recordings` of the session. The first one ' +
          'that is there when left out.',
      ),
    }),
    replies: {
      200: { description: 'The whole of the part.', contentTypes: ['audio/wav'] },
      206: { description: 'What `Range` asked for of it.', contentTypes: ['audio/wav'] },
      416: { description: 'There are no such bytes; `Content-Range` says how long it is.' },
    },
    errors: ['bad_request', 'not_found', 'conflict', 'owner_unreachable', 'store_unavailable'],
    async handle({ principal, params: { id }, query, headers }) {
      const session = await visibleSession(deps, principal, 'recordings:read', id);
      const part = partOf(session, query.part);
      demandEnd(session);
      const file = await recordings.open(part);
      const range = byteRange(headers.range, file.bytes);
      const common = {
        'Accept-Ranges': 'bytes',
        'Cache-Control': 'private, no-store',
        'Content-Disposition': `inline; filename="${part.file}"`,
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
        stream: file.read(from, to),
      };
    },
  }),
  protectedRoute({
    method: 'delete',
    path: '/v1/sessions/{id}/recording',
    summary: 'Deletes the recording of an ended call, on whichever instance it is',
    tag: 'Sessions',
    action: 'recordings:delete',
    params,
    query: z.strictObject({ part: partNumber.describe('This part of it only.') }),
    replies: { 204: { description: 'It is gone.' } },
    errors: ['bad_request', 'not_found', 'conflict', 'owner_unreachable', 'store_unavailable'],
    async handle({ principal, params: { id }, query, log }) {
      const session = await visibleSession(deps, principal, 'recordings:delete', id);
      const first = partOf(session, query.part);
      demandEnd(session);
      const files = query.part === undefined ? session.recordings : [first];
      for (const part of files) {
        const { file } = part;
        await recordings.remove(part);
        const entry = { at: deps.clock.now(), type: 'recording.deleted', data: { file } } as const;
        await deps.sessions.forgetRecording(session.orgId, session.id, file, entry);
        log.info(
          { sessionId: session.id, organization: session.orgId, by: principal.sub, file },
          'A recording was deleted.',
        );
      }
      return { status: 204, changes: files.map(({ file }) => file) };
    },
  }),
];
