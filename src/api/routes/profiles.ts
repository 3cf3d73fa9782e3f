import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
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
  /** Reads the folders again. Rejects with GatewayError config_invalid; the profiles stay as they were. */
  reload(): Promise<void>;
  /** What a profile's document may hold. */
  readonly schema: z.ZodType;
  /** The document as its file has it, credentials hidden; null: there is none of this name. */
  read(name: string): Promise<ProfileFile | null>;
  /** Throws GatewayError bad_request, conflict. */
  write(name: string, document: unknown): Promise<'created' | 'replaced'>;
  /** `restored`: the one that comes with the gateway is in force again. Throws GatewayError conflict, not_found. */
  remove(name: string): Promise<'removed' | 'restored'>;
};

/** A profile as its file has it. */
export type ProfileFile = {
  readonly document: Readonly<Record<string, unknown>>;
  readonly shipped: boolean;
  readonly own: boolean;
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

const params = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be lower-case letters, digits and hyphens'),
});
const fileSchema = z.strictObject({
  name: z.string(),
  shipped: z.boolean().describe('One of this name comes with the gateway.'),
  own: z.boolean().describe('It stands in the folder SIP_PROFILES of this instance.'),
  document: z
    .record(z.string(), z.unknown())
    .describe('As the file has it; passwords as bullets, unless they name a value of the environment.'),
});

/** The SIP profiles of this instance: files of its operator. */
export const profileRoutes = (profiles: ProfileParts): readonly Route[] => {
  const tag = 'Operation';
  const shown = async (name: string): Promise<z.input<typeof fileSchema>> => {
    const found = await profiles.read(name);
    if (found === null) throw new GatewayError('not_found', `There is no SIP profile ${JSON.stringify(name)}.`);
    return { name, ...found };
  };
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
      method: 'get',
      path: '/v1/profiles/{name}',
      summary: 'A SIP profile as its file has it',
      ...{ tag, action: 'system:read', params },
      replies: { 200: { description: 'The profile.', schema: fileSchema } },
      errors: ['not_found', 'config_invalid'],
      handle: async ({ params: { name } }) => ({ status: 200, body: await shown(name) }),
    }),
    protectedRoute({
      method: 'put',
      path: '/v1/profiles/{name}',
      summary: 'Writes a SIP profile into the folder SIP_PROFILES of this instance and puts it in force',
      ...{ tag, action: 'system:write', params },
      body: { schema: z.unknown(), documented: profiles.schema, types: ['json', 'yaml'], maxBytes: 1_048_576 },
      replies: {
        200: { description: 'It is in force in the place of the one of this name.', schema: fileSchema },
        201: { description: 'It is new, and in force.', schema: fileSchema },
      },
      errors: ['bad_request', 'conflict', 'config_invalid', 'unsupported_media_type'],
      async handle({ params: { name }, body, principal, log }) {
        const done = await profiles.write(name, body);
        log.info({ profile: name, by: principal.sub }, 'A SIP profile was written by the API.');
        const status = done === 'created' ? 201 : 200;
        return { status, body: await shown(name), changes: [`${done} SIP profile ${name}`] };
      },
    }),
    protectedRoute({
      method: 'delete',
      path: '/v1/profiles/{name}',
      summary: 'Takes a SIP profile out of the folder SIP_PROFILES of this instance; refused while it is in use',
      ...{ tag, action: 'system:write', params },
      replies: { 204: { description: 'It is gone; one of this name that comes with the gateway is in force again.' } },
      errors: ['not_found', 'conflict', 'bad_request', 'config_invalid', 'store_unavailable'],
      async handle({ params: { name }, principal, log }) {
        const done = await profiles.remove(name);
        log.info({ profile: name, by: principal.sub }, 'A SIP profile was removed by the API.');
        return { status: 204, changes: [`${done} SIP profile ${name}`] };
      },
    }),
    protectedRoute({
      method: 'post',
      path: '/v1/profiles/reload',
      summary: 'Reads the profile files of this instance again; one that is wrong changes nothing',
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
