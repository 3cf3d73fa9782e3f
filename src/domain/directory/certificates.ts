import { z } from 'zod';
import { credentialScopes } from './credential-scopes.js';
import { certificatesSchema, type ParsedCertificate } from './document-schema.js';
import type { CertificateFault, CertificateMaterial, CertificateUpload, DirectoryChecks, Findings } from './policy.js';
import type { ClientCertificate } from './records.js';
import { holdsPlaceholder, placeholderFault, type Sealer } from './sealer.js';

/** What became of the certificates of a document, by their place in the list. */
export type OpenedCertificates = ReadonlyMap<number, CertificateMaterial | CertificateFault>;

const secretFields = ['certificate', 'key', 'password'] as const;

const uploadOf = ({ certificate, key, password }: ParsedCertificate): CertificateUpload => ({
  certificate: Buffer.from(certificate),
  ...(key === undefined ? {} : { key: Buffer.from(key) }),
  ...(password === undefined ? {} : { password }),
});

/**
 * Opens the certificates of a document ahead of the plan: it takes a thread and up to seconds, and the plan is made
 * again when others write meanwhile. A document whose certificates have not the right form is left to the plan.
 */
export const openCertificates = async (
  document: unknown,
  open: DirectoryChecks['certificate'],
): Promise<OpenedCertificates> => {
  const opened = new Map<number, CertificateMaterial | CertificateFault>();
  const parsed = z.object({ certificates: certificatesSchema.optional() }).safeParse(document);
  if (!parsed.success || open === undefined) return opened;
  for (const [index, item] of (parsed.data.certificates ?? []).entries()) {
    if (!secretFields.some((field) => holdsPlaceholder(item[field]))) opened.set(index, await open(uploadOf(item)));
  }
  return opened;
};

export type MakeCertificateContext = {
  readonly orgId: string;
  readonly found: Findings;
  readonly sealer: Sealer;
  readonly opened: OpenedCertificates;
  /** Milliseconds since the epoch. */
  readonly now: number;
};

/** A certificate of a document. One that is what is kept already stays as it is, with its version. */
export const makeCertificate = (
  item: ParsedCertificate,
  index: number,
  previous: ClientCertificate | null,
  path: string,
  { orgId, found, sealer, opened, now }: MakeCertificateContext,
): ClientCertificate => {
  for (const field of secretFields)
    if (holdsPlaceholder(item[field])) found.fault(`${path}.${field}`, placeholderFault);
  const material = opened.get(index);
  if (material !== undefined && 'privateKey' in material) {
    const { privateKey, ...shown } = material;
    const isSame =
      previous !== null &&
      previous.certificateChain === shown.certificateChain &&
      sealer.holds(credentialScopes.certificate(orgId, previous), privateKey);
    if (isSame) return previous;
    const version = Math.max(now, previous === null ? 0 : previous.version + 1);
    const scope = credentialScopes.certificate(orgId, { name: item.name, version });
    const sealedKey = sealer.seal(`${path}.key`, scope, privateKey);
    return { name: item.name, version, uploadedAt: now, ...shown, sealedKey };
  }
  if (material !== undefined) found.fault(`${path}.${material.field}`, material.message);
  // A stand-in that keeps the plan going: with a fault nothing of it is stored.
  return previous ?? { ...nothingMade, name: item.name };
};

const nothingMade: ClientCertificate = {
  name: '',
  version: 0,
  uploadedAt: 0,
  certificateChain: '',
  subject: '',
  issuer: '',
  fingerprint: '',
  notBefore: 0,
  notAfter: 0,
  chainLength: 0,
  keyType: '',
  sealedKey: '',
};
