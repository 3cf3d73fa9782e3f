import { z } from 'zod';
import { protectedRoute, type Route } from '../http/route.js';

/** One thing that was looked at: `failed` keeps calls from working, `warning` may. */
export type SystemCheck = {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'failed';
  readonly says: string;
};

/** Looks at everything outside that calls need; takes seconds. Never rejects. */
export type SystemChecks = () => Promise<readonly SystemCheck[]>;

const listSchema = z.strictObject({
  items: z.array(
    z.strictObject({
      name: z.string(),
      state: z.enum(['ok', 'warning', 'failed']).describe('`failed` keeps calls from working, `warning` may.'),
      says: z.string(),
    }),
  ),
  next: z.null(),
});

/** What `voice-gateway doctor` asks of the gateway: only its own machine sees what its calls see. */
export const checkRoutes = (run: SystemChecks): readonly Route[] => [
  protectedRoute({
    method: 'post',
    path: '/v1/system/checks',
    summary: 'Looks at addresses, SIP destinations (DNS, TLS, OPTIONS) and carriers, from this instance; takes seconds',
    tag: 'Operation',
    action: 'system:read',
    idempotency: 'none',
    replies: { 200: { description: 'What was found.', schema: listSchema } },
    errors: [],
    async handle() {
      return { status: 200, body: { items: [...(await run())], next: null }, changes: [] };
    },
  }),
];
