import {
  checkRoutes,
  type KeyRotation,
  keyRoutes,
  organizationRemovalRoutes,
  profileRoutes,
  type Route,
  type TwilioParts,
  twilioRoutes,
} from '../api/index.js';
import { createProfileEditor, type ProfileFolders, type ProfileRegistry } from '../telephony/sip/index.js';
import { createDiagnosis, type DiagnosisOptions } from './diagnosis.js';
import { createOrganizationRemoval, type OrganizationRemovalDeps } from './organization-removal.js';
import { profileParts } from './profiles.js';

export type OperatorWiring = OrganizationRemovalDeps &
  Omit<DiagnosisOptions, 'directory' | 'profiles' | 'twilio'> & {
    readonly profiles: ProfileRegistry;
    readonly profileFolders: ProfileFolders;
    readonly keys: KeyRotation;
    readonly twilio: TwilioParts | null;
  };

/** What only the operator of the installation may do. */
export const operatorRoutes = (wiring: OperatorWiring): readonly Route[] => {
  const { profiles, profileFolders, directory, keys, twilio } = wiring;
  return [
    ...keyRoutes(keys),
    ...organizationRemovalRoutes(createOrganizationRemoval(wiring)),
    ...profileRoutes(profileParts(profiles, createProfileEditor(profileFolders, profiles), directory)),
    ...twilioRoutes(twilio),
    ...checkRoutes(createDiagnosis(wiring)),
  ];
};
