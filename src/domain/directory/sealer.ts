import { timingSafeEqual } from 'node:crypto';
import type { SealScope, Vault } from '../../platform/vault/index.js';
import { sealsOfAction } from './action-credentials.js';
import { credentialScopes } from './credential-scopes.js';
import type { Findings } from './policy.js';
import type { OrganizationSnapshot } from './records.js';

/** Makes the stored form of a credential. */
export type Sealer = {
  /**
   * The sealed form of `plain`. A value equal to the one sealed before for the same scope keeps its seal, so that
   * applying a document twice changes nothing. A value that still contains a `NAME` in `$` and braces is a fault: the
   * command line should have replaced it.
   */
  seal(path: string, scope: SealScope, plain: string): string;
};

const placeholder = /\$\{[^}]*\}/;

const keyOf = (scope: SealScope): string => JSON.stringify([scope.kind, scope.name]);

const sealsOf = (snapshot: OrganizationSnapshot): Map<string, string> => {
  const orgId = snapshot.organization.id;
  const { zendesk } = snapshot.organization;
  const seals = new Map<string, string>();
  for (const [name, sealed] of Object.entries(snapshot.variables))
    seals.set(keyOf(credentialScopes.variable(orgId, name)), sealed);
  for (const [name, sealed] of Object.entries(snapshot.secrets))
    seals.set(keyOf(credentialScopes.secret(orgId, name)), sealed);
  for (const [scope, sealed] of snapshot.actions.flatMap(sealsOfAction)) seals.set(keyOf(scope), sealed);
  for (const { id, digest } of snapshot.destinations) {
    if (digest !== null) seals.set(keyOf(credentialScopes.digest(orgId, id)), digest.sealedPassword);
  }
  if (zendesk?.auth) seals.set(keyOf(credentialScopes.zendeskAuth(orgId)), zendesk.auth.sealed);
  const signing = zendesk?.webhookSigningSecret;
  if (signing) seals.set(keyOf(credentialScopes.zendeskSigningSecret(orgId)), signing.sealed);
  return seals;
};

export const createSealer = (vault: Vault, found: Findings, previous: OrganizationSnapshot | null): Sealer => {
  const before = previous === null ? new Map<string, string>() : sealsOf(previous);
  const same = (scope: SealScope, plain: string, sealed: string): boolean => {
    try {
      const [a, b] = [Buffer.from(plain, 'utf8'), vault.openBytes(scope, sealed)];
      return a.length === b.length && timingSafeEqual(a, b);
    } catch {
      // A seal that does not open any more is replaced by the new value; that is how it is repaired.
      return false;
    }
  };
  return {
    seal(path, scope, plain) {
      if (placeholder.test(plain)) {
        found.fault(
          path,
          'has an unreplaced $NAME in braces: the gateway does not read the environment, voice-gateway apply does',
        );
        return '';
      }
      const old = before.get(keyOf(scope));
      return old !== undefined && same(scope, plain, old) ? old : vault.seal(scope, plain);
    },
  };
};
