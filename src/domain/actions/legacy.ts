import type { LegacyAction, WebhookAction } from './definition.js';
import type { JsonRecord } from './ports.js';
import { isRecord, type JsonValue } from './template/values.js';

export type LegacyResponse = {
  readonly success: boolean;
  /** Attributes to set; `null` unsets one. */
  readonly outputs: JsonRecord;
  /** Why it failed, in the words of the target where it has some. */
  readonly error?: string;
};

const attributeName = /^(?!__proto__$)[A-Za-z_][A-Za-z0-9_-]{0,79}$/;
const maxMessage = 500;
const nothing: JsonRecord = {};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const messagesOf = (errors: JsonValue | undefined): string => {
  const messages = Array.isArray(errors)
    ? errors.flatMap((error: JsonValue) =>
        isRecord(error) && typeof error.message === 'string' ? [error.message] : [],
      )
    : [];
  return messages.join(' ').slice(0, maxMessage);
};

/**
 * Reads the fixed answer of the older kind of action:
 * `{"successful":true,"output_data":{"attributes":{…}}}` or `{"successful":false,"errors":[{"message":"…"}]}`.
 */
export const readLegacyResponse = (
  status: number,
  body: string,
  allowed: ReadonlySet<string> | undefined,
): LegacyResponse => {
  const answer = parse(body);
  if (!isRecord(answer) || typeof answer.successful !== 'boolean') {
    return {
      success: false,
      outputs: nothing,
      error: `The target answered ${status} without the form of a legacy webhook action.`,
    };
  }
  if (!answer.successful) {
    const said = messagesOf(answer.errors);
    return {
      success: false,
      outputs: nothing,
      error: said === '' ? 'The target reported a failure without a message.' : said,
    };
  }
  if (status < 200 || status > 299) {
    return { success: false, outputs: nothing, error: `The target answered ${status}.` };
  }
  const data = answer.output_data;
  const attributes = isRecord(data) && isRecord(data.attributes) ? data.attributes : {};
  const outputs = Object.entries(attributes).filter(
    ([name]) => attributeName.test(name) && (allowed === undefined || allowed.has(name)),
  );
  return { success: true, outputs: Object.fromEntries(outputs) };
};

/**
 * The same action as a webhook action, for one-step conversion. `outputs` names the attributes to map when the legacy
 * definition left them open: a webhook action maps what it names.
 */
export const convertLegacyAction = (
  legacy: LegacyAction,
  outputs: readonly string[] = legacy.outputs ?? [],
): WebhookAction => {
  const { kind: _kind, inputs, outputs: _outputs, ...shared } = legacy;
  const attributes = Object.fromEntries((inputs ?? []).map((name) => [name, `{user.${name}}`]));
  return {
    ...shared,
    kind: 'webhook',
    method: 'POST',
    body: { input_data: { attributes } },
    response: {
      '2xx': {
        action_success: 'successful',
        outputs: Object.fromEntries(outputs.map((name) => [name, `output_data.attributes."${name}"`])),
      },
    },
  };
};
