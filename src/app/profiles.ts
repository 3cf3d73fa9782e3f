import type { ProfileParts } from '../api/index.js';
import { GatewayError } from '../core/errors.js';
import type { DirectoryService } from '../domain/directory/index.js';
import { type ProfileEditor, type ProfileRegistry, profileSchema } from '../telephony/sip/index.js';

/** How many that use a profile are named in a refusal. */
const NAMED = 5;

/** Numbers and destinations that name a profile. */
const usersOf = async (directory: DirectoryService, name: string): Promise<readonly string[]> => {
  const users: string[] = [];
  for (const orgId of await directory.organizations()) {
    const snapshot = await directory.directory.snapshot(orgId);
    for (const each of snapshot?.numbers ?? []) if (each.profile === name) users.push(`${orgId}: ${each.number}`);
    for (const each of snapshot?.destinations ?? []) if (each.profile === name) users.push(`${orgId}: ${each.id}`);
  }
  return users;
};

/** The profiles in force, as the API shows them: rules of digest and headers are the operator's. */
export const profileParts = (
  profiles: ProfileRegistry,
  editor: ProfileEditor,
  directory: DirectoryService,
): ProfileParts => ({
  schema: profileSchema,
  list: () =>
    profiles.all().map(({ name, description, country, inbound }) => ({
      ...{ name, description, country, inbound: inbound.enabled },
      sources: inbound.enabled ? inbound.sources : [],
    })),
  reload: () => profiles.reload(),
  read: editor.read,
  write: editor.write,
  async remove(name) {
    const found = await editor.read(name);
    // What comes with the gateway takes its place.
    const users = found?.own === true && !found.shipped ? await usersOf(directory, name) : [];
    if (users.length > 0) {
      const more = users.length > NAMED ? ` and ${users.length - NAMED} more` : '';
      throw new GatewayError('conflict', `${name} is in use by ${users.slice(0, NAMED).join(', ')}${more}.`);
    }
    return editor.remove(name);
  },
});
