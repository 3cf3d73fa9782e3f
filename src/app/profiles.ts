import type { ProfileParts } from '../api/index.js';
import type { openProfiles } from '../telephony/sip/index.js';

/** The profiles in force, as the API shows them: rules of digest and headers are the operator's. */
export const profileParts = (
  profiles: Awaited<ReturnType<typeof openProfiles>>,
  reload: ProfileParts['reload'],
): ProfileParts => ({
  list: () =>
    profiles.all().map(({ name, description, country, inbound }) => ({
      ...{ name, description, country, inbound: inbound.enabled },
      sources: inbound.enabled ? inbound.sources : [],
    })),
  reload,
});
