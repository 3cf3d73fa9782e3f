import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import { recordingActions } from '../../domain/calls/index.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Route } from '../http/route.js';
import { visibleSession } from '../organization-of.js';

const recordingSchema = z.strictObject({
  state: z.enum(['off', 'recording', 'paused']),
  file: z.string().nullable().describe('Name of the file that is being written, in DATA_DIR/recordings.'),
});

/** What an agent may do to the recording of its call: keep card data out of it, but not begin or end it. */
const ofAgents: readonly string[] = ['pause', 'resume'];

export const recordingRoutes = (deps: ApiDeps): readonly Route[] => [
  protectedRoute({
    method: 'post',
    path: '/v1/sessions/{id}/recording',
    summary: 'Starts, pauses, resumes or stops the recording of a call; repeating it changes nothing',
    tag: 'Sessions',
    action: 'sessions:record',
    params: z.strictObject({ id: z.string().min(1).max(64) }),
    body: {
      schema: z.strictObject({
        action: z.enum(recordingActions).describe('The agent of the call itself may `pause` and `resume` only.'),
      }),
    },
    replies: { 200: { description: 'What it is now.', schema: recordingSchema } },
    errors: [
      ...(['bad_request', 'forbidden', 'not_found', 'conflict', 'session_ended'] as const),
      ...(['owner_unreachable', 'store_unavailable', 'unsupported_media_type'] as const),
    ],
    async handle({ principal, params, body, log }) {
      const session = await visibleSession(deps, principal, 'sessions:record', params.id);
      if (session.status === 'ended') throw new GatewayError('session_ended', 'The session has ended already.');
      if (principal.kind === 'session' && !ofAgents.includes(body.action)) {
        throw new GatewayError('forbidden', `The agent of a call may not ${body.action} its recording.`);
      }
      const recording = await deps.calls.record(session.orgId, session.id, body.action);
      log.info(
        { sessionId: session.id, organization: session.orgId, by: principal.sub, action: body.action },
        'The recording of a call was changed by the API.',
      );
      return { status: 200, body: recording };
    },
  }),
];
