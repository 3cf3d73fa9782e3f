export { MaterialError, type MaterialErrorKind } from './certificate/material-error.js';
export { type CertificateUpload, certificateWarnings, type NormalisedCertificate } from './certificate/normalise.js';
export { type CertificateNormaliser, createCertificateNormaliser } from './certificate/upload.js';
export {
  type CompiledAction,
  compileAction,
  inputAttributes,
  parseAction,
  secretsOf,
} from './compile-action.js';
export {
  type ActionDefinition,
  actionDefinitionSchema,
  type LegacyAction,
  legacyActionSchema,
  slugFault,
  slugOf,
  type WebhookAction,
  webhookActionSchema,
} from './definition.js';
export {
  type ActionCall,
  type ActionExecutor,
  type ActionResult,
  createActionExecutor,
  type ExecuteOptions,
  type ExecutorDependencies,
  executeInOrder,
} from './executor.js';
export { aiSentences } from './failure.js';
export { compileExpression, compileMapping, JmesPathError } from './jmespath/index.js';
export { convertLegacyAction } from './legacy.js';
export { type ExistingAction, importOpenApi, type OpenApiImport } from './openapi/import.js';
export type {
  ActionOrganization,
  ActionSession,
  CertificateReader,
  JsonRecord,
  RunRecorder,
  SecretReader,
  StoredCertificate,
  UserAttributes,
  VariableReader,
} from './ports.js';
export { createRunStore, type RunHead, type RunPage, type RunStore, runsKept } from './run-store.js';
export {
  groupByAction,
  matchesRunFilter,
  moreRunsToCsv,
  type RunErrorType,
  type RunFilter,
  type RunRecord,
  type RunSummary,
  runErrorTypes,
  runsToCsv,
  summariesToCsv,
  summarizeRuns,
} from './runs.js';
export { createSessionHeaders, headerFaults, type SessionHeaders } from './session-headers.js';
export { parseTemplate } from './template/parse.js';
export { renderText } from './template/render.js';
export { createScope, recordReader } from './template/scope.js';
export { TemplateError } from './template/syntax.js';
export type { JsonValue, Tagged, Trust } from './template/values.js';
export { type ActionTest, testAction, testInputs } from './testing-panel.js';
export { type ActionTool, toolOf } from './tools.js';
export { createUserAttributes } from './user-attributes.js';
