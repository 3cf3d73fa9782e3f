import type { Fault } from '../../core/errors.js';
import type { AgentLegConfig, ClientCertificate } from './records.js';

/** What the one who applies may do, and what the gateway's listeners make safe. */
export type ApplyPolicy = {
  /** The admin token or a JWT with role `operator`. */
  readonly operator: boolean;
  /** HTTP and SIP listen on loopback addresses only: a development machine. */
  readonly loopbackOnly: boolean;
};

/** What was uploaded: one file that holds everything, or a certificate and a key. */
export type CertificateUpload = {
  readonly certificate: Uint8Array;
  readonly key?: Uint8Array;
  readonly password?: string;
};

/** An upload brought into the one form that is kept. */
export type CertificateMaterial = Omit<ClientCertificate, 'name' | 'version' | 'uploadedAt' | 'sealedKey'> & {
  readonly privateKey: string;
};

/** Why a certificate cannot be used: the field that is at fault, and the end of a sentence about it. */
export type CertificateFault = { readonly field: 'certificate' | 'key' | 'password'; readonly message: string };

/** Judgements of parts the directory does not know. Each one left out judges nothing. */
export type DirectoryChecks = {
  /** Names of the SIP profiles. */
  readonly profiles?: () => readonly string[];
  /** Faults of an agent's leg, with paths below `leg`. */
  readonly leg?: (leg: AgentLegConfig) => readonly Fault[];
  /** Secrets of the organization that an agent's leg names, with the paths below `leg` where it does. */
  readonly secretsOfLeg?: (leg: AgentLegConfig) => readonly { readonly path: string; readonly name: string }[];
  /** Faults of an action's definition, with paths below the action. */
  readonly action?: (definition: Readonly<Record<string, unknown>>) => readonly Fault[];
  /** What is wrong with a global variable (`faults`), and what is right but will not be sent (`warnings`). */
  readonly variable?: (
    name: string,
    value: string,
  ) => { readonly faults: readonly string[]; readonly warnings: readonly string[] };
  /** Opens a client certificate. Without it no document may bring one. */
  readonly certificate?: (upload: CertificateUpload) => Promise<CertificateMaterial | CertificateFault>;
  /** Slug of an action, by which agents and the API name it. */
  readonly slug?: (definition: Readonly<Record<string, unknown>> & { readonly name: string }) => string;
};

/** Collects what is wrong and what is odd while records are made from a document. */
export type Findings = {
  readonly faults: Fault[];
  readonly warnings: Fault[];
  fault(path: string, message: string): void;
  warn(path: string, message: string): void;
};

export const findings = (): Findings => {
  const faults: Fault[] = [];
  const warnings: Fault[] = [];
  return {
    faults,
    warnings,
    fault: (path, message) => void faults.push({ path, message }),
    warn: (path, message) => void warnings.push({ path, message }),
  };
};
