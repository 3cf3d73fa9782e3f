import type { SealScope } from '../../platform/vault/index.js';
import type { ClientCertificate } from './records.js';

/** Where each credential of an organization is sealed for. Whoever opens one takes its scope from here. */
export const credentialScopes = {
  variable: (organization: string, name: string): SealScope => ({ organization, kind: 'variable', name }),
  secret: (organization: string, name: string): SealScope => ({ organization, kind: 'secret', name }),
  zendeskAuth: (organization: string): SealScope => ({ organization, kind: 'zendesk', name: 'auth' }),
  zendeskSigningSecret: (organization: string): SealScope => ({
    organization,
    kind: 'zendesk',
    name: 'webhook-signing',
  }),
  /** A credential written into an action; `path` within its definition. */
  action: (organization: string, action: string, path: string): SealScope => ({
    organization,
    kind: 'action',
    name: `${action} ${path}`,
  }),
  /** The private key of one upload. */
  certificate: (organization: string, { name, version }: Pick<ClientCertificate, 'name' | 'version'>): SealScope => ({
    organization,
    kind: 'certificate',
    name,
    version,
  }),
  digest: (organization: string, destination: string): SealScope => ({
    organization,
    kind: 'digest',
    name: destination,
  }),
};
