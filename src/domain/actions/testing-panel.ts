import type { ExchangeTiming } from '../../platform/egress/index.js';
import { type CompiledAction, inputAttributes } from './compile-action.js';
import type { ActionExecutor, ActionResult } from './executor.js';
import type { Header } from './headers.js';
import type { ActionOrganization, ActionSession, JsonRecord } from './ports.js';
import type { RunErrorType } from './runs.js';
import { createUserAttributes } from './user-attributes.js';

/** What the panel shows before a test: the attributes that the action reads. */
export const testInputs = (action: CompiledAction): readonly string[] => inputAttributes(action);

/** What a test brought (A7). Secrets are masked in everything that was sent. */
export type ActionTest = {
  readonly runId: string;
  readonly success: boolean;
  readonly statusCode: number | null;
  readonly error: { readonly code: RunErrorType; readonly message: string } | null;
  readonly inputs: readonly string[];
  /** The three default outputs and the mapped attributes. */
  readonly outputs: JsonRecord;
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers: readonly Header[];
    readonly body: string | null;
  } | null;
  readonly response: { readonly headers: readonly Header[]; readonly body: string } | null;
  /** Milliseconds for each step; `null` when nothing came back. */
  readonly timing: ExchangeTiming | null;
  /** What the AI would be told. */
  readonly aiText: string;
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
};

/** Stands in for the session of a call, so that a receiver sees every header it will see later. */
const placeholderSession: ActionSession = {
  id: '00000000-0000-4000-8000-000000000000',
  ticketNumber: 0,
  externalUserId: 'test-user',
  fields: {},
  contact: {},
};

/** `session.x` and `contact.x` among the temporary values fill those contexts; the others are attributes of the user. */
const placed = (values: JsonRecord, context: 'session' | 'contact'): JsonRecord =>
  Object.fromEntries(
    Object.entries(values)
      .filter(([name]) => name.startsWith(`${context}.`))
      .map(([name, value]) => [name.slice(context.length + 1), value]),
  );

const testOf = (result: ActionResult, action: CompiledAction): ActionTest => ({
  runId: result.runId,
  success: result.success,
  statusCode: result.statusCode,
  error: result.error ?? null,
  inputs: inputAttributes(action),
  outputs: result.outputs,
  request: result.run.request,
  response: result.run.response,
  timing: result.run.timing,
  aiText: result.ai.text,
  notes: result.run.notes,
  warnings: action.warnings,
});

/**
 * Runs an action, saved or not, with temporary values on a connection of its own. Declared parameters keep the AI's
 * lack of trust; the other values stand for attributes of the session. Nothing of a session is read or written.
 */
export const testAction = async (
  executor: ActionExecutor,
  organization: ActionOrganization,
  action: CompiledAction,
  values: JsonRecord,
): Promise<ActionTest> => {
  const declared = new Set(action.parameters?.properties?.keys() ?? []);
  const args = Object.fromEntries(Object.entries(values).filter(([name]) => declared.has(name)));
  const attributes = Object.fromEntries(Object.entries(values).filter(([name]) => !declared.has(name)));
  const result = await executor.execute(
    {
      organization: { ...organization, contextHeaders: true },
      action,
      session: { ...placeholderSession, fields: placed(values, 'session'), contact: placed(values, 'contact') },
      user: createUserAttributes(attributes),
      args,
    },
    { test: true },
  );
  return testOf(result, action);
};
