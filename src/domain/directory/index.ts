export { exportAction, openAction } from './action-credentials.js';
export { credentialScopes } from './credential-scopes.js';
export { certificateSchema, documentSchema, type OrganizationDocument, recordSchemas } from './document-schema.js';
export type { ExportedDocument } from './export.js';
export type { Change, ChangeKind, ChangeSet } from './plan.js';
export type {
  ApplyPolicy,
  CertificateFault,
  CertificateMaterial,
  CertificateUpload,
  DirectoryChecks,
} from './policy.js';
export type * from './records.js';
export {
  type ApplyRequest,
  type ApplyResult,
  createDirectoryService,
  type DirectoryEdit,
  type DirectoryService,
  type DirectoryServiceOptions,
} from './service.js';
export { sipHeaderFault, sipUriFault, twilioRanges } from './sip-uri.js';
