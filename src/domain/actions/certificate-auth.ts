import { createHash, X509Certificate } from 'node:crypto';
import type { TlsCredential } from '../../platform/egress/index.js';
import type { Authentication } from './definition.js';
import type { StoredCertificate } from './ports.js';
import { parseTemplate } from './template/parse.js';
import { renderTrusted, type Scope } from './template/render.js';
import { type Part, TemplateError } from './template/syntax.js';

export type CertificateAuth = {
  readonly type: 'mtls';
  readonly parts: readonly Part[];
  readonly secrets: ReadonlySet<string>;
  /** The name of the certificate in the vault. */
  readonly certificate: string;
  /** The authorities trusted instead of the system's, PEM, or nothing. Throws TemplateError. */
  authorities(scope: Scope): string | undefined;
  credential(stored: StoredCertificate, organizationId: string, authorities: string | undefined): TlsCredential;
};

const pemBlock = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** PEM authorities from base64 of PEM (as documented), from PEM itself, or from base64 of DER. */
const readAuthorities = (text: string): string => {
  const trimmed = text.trim();
  const decoded = trimmed.startsWith('-----') ? trimmed : Buffer.from(trimmed, 'base64').toString('latin1');
  const blocks = decoded.match(pemBlock) ?? [];
  try {
    if (blocks.length === 0) return new X509Certificate(Buffer.from(trimmed, 'base64')).toString();
    return blocks.map((block) => new X509Certificate(block).toString()).join('');
  } catch {
    throw new TemplateError('the CA certificate is not base64 of a PEM certificate');
  }
};

/** Compiles mutual TLS (A5). The certificate is a reference to the vault, where it lies normalised since its upload. */
export const compileCertificateAuth = (config: Extract<Authentication, { type: 'mtls' }>): CertificateAuth => {
  const [part, ...more] = parseTemplate(config.certificate.trim());
  const reference =
    typeof part === 'object' &&
    part.kind === 'expression' &&
    part.filters.length === 0 &&
    part.input.kind === 'reference'
      ? part.input.reference
      : undefined;
  if (reference?.context !== 'secret' || reference.name === '' || more.length > 0) {
    throw new TemplateError('the certificate must be a reference to an uploaded one: {secret.name}');
  }
  if (config.password !== undefined) parseTemplate(config.password);
  const ca =
    config.caCertificate === undefined || config.caCertificate.trim() === ''
      ? undefined
      : parseTemplate(config.caCertificate);
  const caSecrets: string[] = [];
  for (const piece of ca ?? []) {
    if (
      typeof piece === 'object' &&
      piece.kind === 'expression' &&
      piece.input.kind === 'reference' &&
      piece.input.reference.context === 'secret'
    ) {
      caSecrets.push(piece.input.reference.name);
    }
  }
  return {
    type: 'mtls',
    parts: ca ?? [],
    secrets: new Set(caSecrets),
    certificate: reference.name,
    authorities(scope) {
      if (ca === undefined) return undefined;
      const text = renderTrusted(ca, scope, 'authentication');
      if (text.trim() === '') throw new TemplateError('the CA certificate is empty');
      return readAuthorities(text);
    },
    credential(stored, organizationId, authorities) {
      const trusted = authorities === undefined ? '' : createHash('sha256').update(authorities).digest('base64url');
      return {
        id: [organizationId, reference.name, stored.version, trusted].join(' '),
        certificateChain: stored.certificateChain,
        privateKey: stored.privateKey,
        ...(authorities === undefined ? {} : { authorities }),
      };
    },
  };
};
