import { z } from 'zod';
import { protectedRoute, type Route } from '../http/route.js';

/** A SIP profile as it may be shown: what it is for and where its calls may come from. */
export type ProfileView = {
  readonly name: string;
  readonly description: string;
  readonly country: string;
  readonly inbound: boolean;
  /** CIDR. */
  readonly sources: readonly string[];
};

export type ProfileParts = {
  list(): readonly ProfileView[];
  /** Reads profiles and SIP certificates again. Rejects with GatewayError config_invalid; all stay as they were. */
  reload(): Promise<void>;
};

const listSchema = z.strictObject({
  items: z.array(
    z.strictObject({
      name: z.string(),
      description: z.string(),
      country: z.string(),
      inbound: z.boolean().describe('Calls may come in under it.'),
      sources: z.array(z.string()).describe('Ranges they may come from.'),
    }),
  ),
  next: z.null(),
});

/** The SIP profiles of this instance: files of its operator. */
export const profileRoutes = (profiles: ProfileParts): readonly Route[] => {
  const all = () => ({ status: 200, body: { items: profiles.list(), next: null } });
  return [
    protectedRoute({
      method: 'get',
      path: '/v1/profiles',
      summary: 'The SIP profiles that numbers and destinations may name',
      tag: 'Directory',
      action: 'profiles:read',
      replies: { 200: { description: 'All of them.', schema: listSchema } },
      errors: [],
      handle: async () => all(),
    }),
    protectedRoute({
      method: 'post',
      path: '/v1/profiles/reload',
      summary: 'Reads the SIP profiles and certificates of this instance again; one that is wrong changes nothing',
      tag: 'Operation',
      action: 'system:write',
      replies: { 200: { description: 'The profiles in force.', schema: listSchema } },
      errors: ['config_invalid'],
      async handle() {
        await profiles.reload();
        return { ...all(), changes: ['reloaded the SIP profiles'] };
      },
    }),
  ];
};
