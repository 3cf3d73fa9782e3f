import type { CertificateReader, SecretReader, VariableReader } from '../domain/actions/index.js';
import { credentialScopes, type DirectoryService } from '../domain/directory/index.js';
import type { Vault } from '../platform/vault/index.js';

type Snapshots = Pick<DirectoryService['directory'], 'snapshot'>;

/** The global variables, decrypted for the one call that asks. */
export const variableReader = (directory: Snapshots, vault: Vault): VariableReader => ({
  async read(orgId) {
    const { variables = {} } = (await directory.snapshot(orgId)) ?? {};
    return new Map(
      Object.entries(variables).map(([name, sealed]) => [
        name,
        vault.open(credentialScopes.variable(orgId, name), sealed),
      ]),
    );
  },
});

/** The secrets an action refers to; only those that are asked for are decrypted. */
export const secretReader = (directory: Snapshots, vault: Vault): SecretReader => ({
  async read(orgId, names) {
    const secrets = new Map(Object.entries((await directory.snapshot(orgId))?.secrets ?? {}));
    const found = new Map<string, string>();
    for (const name of names) {
      const sealed = secrets.get(name);
      if (sealed !== undefined) found.set(name, vault.open(credentialScopes.secret(orgId, name), sealed));
    }
    return found;
  },
});

/** The client certificate an action presents, its key opened for the connection that is made with it. */
export const certificateReader = (directory: Snapshots, vault: Vault): CertificateReader => ({
  async read(orgId, name) {
    const record = (await directory.snapshot(orgId))?.certificates.find((each) => each.name === name);
    if (record === undefined) return undefined;
    return {
      version: String(record.version),
      certificateChain: record.certificateChain,
      privateKey: vault.open(credentialScopes.certificate(orgId, record), record.sealedKey),
      notAfter: record.notAfter,
    };
  },
});
