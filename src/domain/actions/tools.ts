import type { CompiledAction } from './compile-action.js';
import { toolParameters } from './parameters.js';
import type { JsonValue } from './template/values.js';

/** An action as a model is given it: function calling, MCP and `list_tools` share this form. */
export type ActionTool = {
  readonly name: string;
  readonly description: string;
  /** JSON Schema in the strict subset. */
  readonly parameters: JsonValue;
  /** Median of recent runs, milliseconds; an agent may speak meanwhile when it is long. */
  readonly expectedLatencyMs?: number;
  /** True for GET: it changes nothing at the target. */
  readonly readOnly: boolean;
};

/** The tool an action becomes. Only what the AI supplies is in its schema; everything else is bound by the gateway. */
export const toolOf = (action: CompiledAction, expectedLatencyMs?: number): ActionTool => ({
  name: action.slug,
  description: action.definition.description ?? action.definition.name,
  parameters: toolParameters(action.parameters, new Set(Object.keys(action.staticValues))),
  ...(expectedLatencyMs === undefined ? {} : { expectedLatencyMs: Math.round(expectedLatencyMs) }),
  readOnly: action.method === 'GET',
});
