import { timingSafeEqual } from 'node:crypto';
import { BULLETS } from '../../core/redaction.js';
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
   * command line should have replaced it. Bullets, which readers see in its place, keep what is sealed.
   */
  seal(path: string, scope: SealScope, plain: string): string;
  /** Whether exactly this is sealed for the scope. */
  holds(scope: SealScope, plain: string): boolean;
};

/** True for a text that the command line should have filled from its environment. */
export const holdsPlaceholder = (text: string | undefined): boolean => {
  const begin = text?.indexOf('${') ?? -1;
  return begin >= 0 && text?.includes('}', begin) === true;
};

export const placeholderFault =
  'has an unreplaced $NAME in braces: the gateway does not read the environment, voice-gateway apply does';

const keyOf = (scope: SealScope): string => JSON.stringify([scope.kind, scope.name]);

/** Scope and sealed text of every credential of an organization. */
export const sealsOf = (snapshot: OrganizationSnapshot): readonly (readonly [SealScope, string])[] => {
  const orgId = snapshot.organization.id;
  const { zendesk } = snapshot.organization;
  const seals: (readonly [SealScope, string])[] = [];
  for (const [name, sealed] of Object.entries(snapshot.variables))
    seals.push([credentialScopes.variable(orgId, name), sealed]);
  for (const [name, sealed] of Object.entries(snapshot.secrets))
    seals.push([credentialScopes.secret(orgId, name), sealed]);
  for (const record of snapshot.certificates)
    seals.push([credentialScopes.certificate(orgId, record), record.sealedKey]);
  seals.push(...snapshot.actions.flatMap(sealsOfAction));
  for (const { id, digest } of snapshot.destinations) {
    if (digest !== null) seals.push([credentialScopes.digest(orgId, id), digest.sealedPassword]);
  }
  if (zendesk?.auth) seals.push([credentialScopes.zendeskAuth(orgId), zendesk.auth.sealed]);
  const signing = zendesk?.webhookSigningSecret;
  if (signing) seals.push([credentialScopes.zendeskSigningSecret(orgId), signing.sealed]);
  return seals;
};

export const createSealer = (vault: Vault, found: Findings, previous: OrganizationSnapshot | null): Sealer => {
  const before = new Map((previous === null ? [] : sealsOf(previous)).map(([scope, sealed]) => [keyOf(scope), sealed]));
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
      if (holdsPlaceholder(plain)) {
        found.fault(path, placeholderFault);
        return '';
      }
      const old = before.get(keyOf(scope));
      if (plain === BULLETS) {
        if (old === undefined) found.fault(path, 'holds the bullets shown in place of a value, and no value is kept');
        return old ?? '';
      }
      return old !== undefined && same(scope, plain, old) ? old : vault.seal(scope, plain);
    },
    holds(scope, plain) {
      const old = before.get(keyOf(scope));
      return old !== undefined && same(scope, plain, old);
    },
  };
};
