import { z } from 'zod';
import type { ApiDeps } from '../deps.js';
import { openRoute, type Route } from '../http/route.js';

const readiness = z.strictObject({
  ready: z.boolean(),
  version: z.string(),
  config: z.string().describe('Digest of the settings that every instance should have alike, without credentials.'),
  checks: z.array(z.strictObject({ name: z.string(), ok: z.boolean(), reason: z.string().optional() })),
});

export const healthRoutes = (deps: ApiDeps): readonly Route[] => [
  openRoute({
    method: 'get',
    path: '/livez',
    summary: 'The process answers',
    tag: 'Operation',
    quiet: true,
    replies: { 200: { description: 'It does.', schema: z.strictObject({ live: z.literal(true) }) } },
    errors: [],
    handle: async () => ({ status: 200, body: { live: true } }),
  }),
  openRoute({
    method: 'get',
    path: '/readyz',
    summary: 'The gateway takes calls',
    tag: 'Operation',
    quiet: true,
    replies: {
      200: { description: 'It does.', schema: readiness },
      503: { description: 'It does not; the checks say why.', schema: readiness },
    },
    errors: [],
    async handle() {
      const states = await deps.readiness();
      const ready = states.every(({ ok, optional }) => ok || optional === true);
      const checks = states.map(({ optional: _, ...check }) => check);
      return { status: ready ? 200 : 503, body: { ready, version: deps.version, config: deps.configDigest, checks } };
    },
  }),
  openRoute({
    method: 'get',
    path: '/metrics',
    summary: 'Metrics for Prometheus',
    tag: 'Operation',
    quiet: true,
    unlessLocal: 'metrics:read',
    replies: { 200: { description: 'Text exposition format.', contentTypes: ['text/plain'] } },
    errors: [],
    async handle() {
      const page = await deps.metrics.page();
      return { status: 200, body: page.text, contentType: page.contentType };
    },
  }),
];
