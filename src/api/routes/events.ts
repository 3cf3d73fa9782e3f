import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import type { Followed, SessionEvent, SessionEvents } from '../../domain/sessions/index.js';
import type { Principal } from '../../platform/access/index.js';
import type { ApiDeps } from '../deps.js';
import { protectedRoute, type Reply, type Route } from '../http/route.js';
import { actingOrganization, visibleSession } from '../organization-of.js';
import { organizationQuery } from '../schemas.js';

/**
 * Streams at once: of one credential, of all credentials of an organization, and of the instance. A support team signs its consoles in with one API key, and each
 * page holds a stream; a quiet one costs a timer and a few kilobytes.
 */
const mostStreams = { credential: 200, organization: 500, all: 2_000 };
/** ms after which a stream ends and the client comes again: a credential that was revoked meanwhile is found out. */
const longest = 15 * 60_000;

const lastEventId = (header: string | string[] | undefined): string | null => {
  if (header === undefined || header === '') return null;
  if (typeof header === 'string' && /^\d{1,16}-\d{1,16}$/.test(header)) return header;
  throw new GatewayError('bad_request', 'Last-Event-ID is not the id of an event of this stream.');
};

/** An event is one object for all who follow it: it is put into words once. */
const texts = new WeakMap<SessionEvent, string>();

/** Server-sent events (HTML Living Standard, section 9.2). */
const written = (event: Followed): string => {
  if (event === 'quiet') return ': quiet\n\n';
  if (event === 'gap') return 'event: gap\ndata: {}\n\n';
  const known = texts.get(event);
  if (known !== undefined) return known;
  const { id, sessionId, at, type, data } = event;
  const body = JSON.stringify({ sessionId, at: new Date(at).toISOString(), type, data });
  const text = `id: ${id}\nevent: ${type}\ndata: ${body}\n\n`;
  texts.set(event, text);
  return text;
};

/** What happens, as it happens: timeline entries of an organization or of one session. */
export const eventRoutes = (
  deps: ApiDeps,
  events: SessionEvents,
  closing: AbortSignal,
  most = mostStreams,
): readonly Route[] => {
  const open = new Map<string, number>();
  let all = 0;
  const count = (key: string, by: 1 | -1): void => {
    const now = (open.get(key) ?? 0) + by;
    if (now > 0) open.set(key, now);
    else open.delete(key);
  };

  async function* stream(
    source: AsyncGenerator<readonly Followed[], void, void>,
    end: () => void,
  ): AsyncGenerator<string> {
    try {
      yield 'retry: 2000\n: follows\n\n';
      for await (const events of source) yield events.map(written).join('');
    } finally {
      end();
    }
  }

  const follow = (
    principal: Principal,
    what: { readonly orgId: string; readonly sessionId: string | null; readonly after: string | null },
    gone: AbortSignal,
  ): Reply => {
    const key = `${principal.kind} ${principal.orgId ?? ''} ${principal.sub}`;
    const organization = principal.orgId === null ? null : `of ${principal.orgId}`;
    if ((open.get(key) ?? 0) >= most.credential) {
      throw new GatewayError('rate_limited', `This credential has ${most.credential} streams of events open already.`);
    }
    if (organization !== null && (open.get(organization) ?? 0) >= most.organization) {
      throw new GatewayError(
        'rate_limited',
        `The organization has ${most.organization} streams of events open already.`,
      );
    }
    if (all >= most.all) {
      throw new GatewayError('rate_limited', `This instance has ${most.all} streams of events open already.`);
    }
    const counted = (by: 1 | -1): void => {
      all += by;
      count(key, by);
      if (organization !== null) count(organization, by);
    };
    counted(1);
    const late = new AbortController();
    const timer = deps.clock.after(longest, () => late.abort());
    let ended = false;
    const end = (): void => {
      if (ended) return;
      ended = true;
      timer.cancel();
      counted(-1);
    };
    // A client that left before its stream began has none that could end.
    if (gone.aborted) end();
    else gone.addEventListener('abort', end, { once: true });
    const signal = AbortSignal.any([gone, closing, late.signal]);
    return {
      status: 200,
      contentType: 'text/event-stream; charset=utf-8',
      headers: { 'X-Accel-Buffering': 'no' },
      stream: stream(events.follow(what, signal), end),
    };
  };

  const replies = {
    200: {
      description:
        'Server-sent events: `event` is the type of the timeline entry, `data` is `{sessionId, at, type, data}`, `id` is what `Last-Event-ID` goes on from. `gap` says that events were lost: read the list anew. The stream ends after 15 minutes; come again.',
      contentTypes: ['text/event-stream'],
    },
  };

  return [
    protectedRoute({
      method: 'get',
      path: '/v1/events',
      summary: 'What happens in all calls of the organization, as it happens',
      tag: 'Sessions',
      action: 'sessions:read',
      query: z.strictObject({ organization: organizationQuery }),
      replies,
      errors: ['bad_request', 'store_unavailable'],
      async handle({ principal, query: { organization }, headers, signal }) {
        const orgId = await actingOrganization(deps, principal, 'sessions:read', organization);
        return follow(principal, { orgId, sessionId: null, after: lastEventId(headers['last-event-id']) }, signal);
      },
    }),
    protectedRoute({
      method: 'get',
      path: '/v1/sessions/{id}/events',
      summary: 'The timeline of a session from its beginning, and what is added to it, as it happens',
      tag: 'Sessions',
      action: 'sessions:read',
      params: z.strictObject({ id: z.string().min(1).max(64) }),
      replies,
      errors: ['bad_request', 'not_found', 'store_unavailable'],
      async handle({ principal, params: { id }, headers, signal }) {
        const session = await visibleSession(deps, principal, 'sessions:read', id);
        const after = lastEventId(headers['last-event-id']);
        return follow(principal, { orgId: session.orgId, sessionId: session.id, after }, signal);
      },
    }),
  ];
};
