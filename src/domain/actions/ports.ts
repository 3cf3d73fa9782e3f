import type { RunRecord } from './runs.js';
import type { JsonValue, Tagged } from './template/values.js';

export type JsonRecord = { readonly [key: string]: JsonValue };

/** The global variables of an organization: header name and value. Read anew for each call, decrypted then. */
export type VariableReader = { read(organizationId: string): Promise<ReadonlyMap<string, string>> };

/** The secret strings of an organization; a name that does not exist is left out. */
export type SecretReader = {
  read(organizationId: string, names: readonly string[]): Promise<ReadonlyMap<string, string>>;
};

/** A certificate as it was normalised at upload. */
export type StoredCertificate = {
  /** Changes with each upload. */
  readonly version: string;
  /** PEM, the leaf first. */
  readonly certificateChain: string;
  /** PEM, PKCS #8, not encrypted. */
  readonly privateKey: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
};

export type CertificateReader = {
  read(organizationId: string, name: string): Promise<StoredCertificate | undefined>;
};

/** Where finished runs go. A recorder that fails is logged; it never fails the call. */
export type RunRecorder = { record(run: RunRecord): Promise<void> | void };

/** The `user` context of a phone session, where mapped attributes are written and later templates read them. */
export type UserAttributes = {
  read(name: string): Tagged | undefined;
  /** Sets attributes; `null` unsets one. */
  apply(changes: JsonRecord): Promise<void> | void;
};

/** What an action may know of its organization. */
export type ActionOrganization = {
  readonly id: string;
  /** `x-opencx-org-id`. */
  readonly uuid: string;
  /** Whether the context headers are sent. */
  readonly contextHeaders: boolean;
  /** The `global` context: read-only, not secret. */
  readonly globals: JsonRecord;
};

/** What an action may know of the phone session it runs in. */
export type ActionSession = {
  /** UUID; `x-opencx-session-id`. */
  readonly id: string;
  readonly ticketNumber: number | null;
  /** Set only for a user whose identity was established by the opener of the session, never by caller id or the AI. */
  readonly externalUserId: string | null;
  /** The `session` context. */
  readonly fields: JsonRecord;
  /** The `contact` context. */
  readonly contact: JsonRecord;
};
