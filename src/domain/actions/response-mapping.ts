import type { StatusGroup, WebhookAction } from './definition.js';
import { statusGroups } from './definition.js';
import { compileMapping, type Expression, JmesPathError } from './jmespath/index.js';
import type { JsonRecord } from './ports.js';
import type { JsonValue } from './template/values.js';

type Output = { readonly attribute: string; readonly expression: Expression; readonly hidden: boolean };

const nothingHidden: ReadonlySet<string> = new Set();

type Group = {
  readonly success: boolean | Expression;
  readonly outputs: readonly Output[];
  readonly raw: string | undefined;
  readonly hidden: ReadonlySet<string>;
  readonly notRepeated: ReadonlySet<string>;
};

export type ResponseMapping = Readonly<Record<StatusGroup, Group>>;

export type MappedResponse = {
  readonly success: boolean;
  /** Mapped attributes; `null` where a path found nothing. */
  readonly outputs: JsonRecord;
  /** Attributes the AI is not shown. */
  readonly hidden: ReadonlySet<string>;
  /** Those and the whole response: attributes that no agent is told of later, as something it should know. */
  readonly notRepeated: ReadonlySet<string>;
  readonly notes: readonly string[];
};

type FaultAt = (path: string, message: string) => void;

const compileAt = (text: string, path: string, fault: FaultAt): Expression | undefined => {
  try {
    return compileMapping(text);
  } catch (error) {
    if (!(error instanceof JmesPathError)) throw error;
    fault(path, error.message);
    return undefined;
  }
};

const successOf = (
  value: boolean | string | undefined,
  group: StatusGroup,
  path: string,
  fault: FaultAt,
): boolean | Expression => {
  const usual = group === '1xx' || group === '2xx' || group === '3xx';
  if (value === undefined) return usual;
  if (typeof value === 'boolean') return value;
  if (/^(?:true|false)$/i.test(value)) return value.toLowerCase() === 'true';
  return compileAt(value, path, fault) ?? usual;
};

/** Compiles the `response` of a definition; a group that is left out has the defaults of the documentation. */
export const compileResponse = (response: WebhookAction['response'], fault: FaultAt): ResponseMapping => {
  const groups = statusGroups.map((group): [StatusGroup, Group] => {
    const stated = response?.[group];
    const at = `response.${group}`;
    const outputs = Object.entries(stated?.outputs ?? {}).flatMap(([attribute, output]): Output[] => {
      const text = typeof output === 'string' ? output : output.expression;
      const expression = compileAt(text, `${at}.outputs.${attribute}`, fault);
      return expression === undefined
        ? []
        : [{ attribute, expression, hidden: typeof output !== 'string' && output.hideFromAi === true }];
    });
    const success = successOf(stated?.action_success, group, `${at}.action_success`, fault);
    const raw = stated?.raw_response ?? response?.raw_response;
    const hidden = new Set(outputs.flatMap((output) => (output.hidden ? [output.attribute] : [])));
    // The whole response would show what was hidden.
    if (hidden.size > 0 && raw !== undefined) hidden.add(raw);
    const notRepeated = new Set([...hidden, ...(raw === undefined ? [] : [raw])]);
    return [group, { success, outputs, hidden, notRepeated, raw }];
  });
  return Object.fromEntries(groups) as ResponseMapping;
};

const parse = (text: string): JsonValue => {
  try {
    const value: JsonValue = JSON.parse(text);
    return value;
  } catch {
    return null;
  }
};

const find = (expression: Expression, document: JsonValue, notes: string[]): JsonValue => {
  try {
    return expression.search(document);
  } catch (error) {
    if (!(error instanceof JmesPathError)) throw error;
    notes.push(`The expression "${expression.text}" could not be evaluated: ${error.message}.`);
    return null;
  }
};

/**
 * Applies the mapping of the status group. A path that leads nowhere gives an empty attribute, an `action_success`
 * that is not a boolean is false; neither is an error.
 */
export const mapResponse = (mapping: ResponseMapping, status: number, body: string): MappedResponse => {
  const name = statusGroups[Math.floor(status / 100) - 1];
  const notes: string[] = [];
  const outputs: Record<string, JsonValue> = {};
  if (name === undefined) {
    return { success: false, outputs, hidden: nothingHidden, notRepeated: nothingHidden, notes };
  }
  const group = mapping[name];
  const needsDocument = group.outputs.length > 0 || typeof group.success !== 'boolean';
  const document = needsDocument ? parse(body) : null;
  if (needsDocument && document === null && body.trim() !== 'null')
    notes.push('The response is not JSON, so nothing could be mapped.');
  for (const { attribute, expression } of group.outputs) outputs[attribute] = find(expression, document, notes);
  if (group.raw !== undefined) outputs[group.raw] = body;
  const success = typeof group.success === 'boolean' ? group.success : find(group.success, document, notes) === true;
  return { success, outputs, hidden: group.hidden, notRepeated: group.notRepeated, notes };
};
