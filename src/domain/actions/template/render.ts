import { runFilter } from './filters.js';
import { hmac } from './filters-crypto.js';
import { type Expression, type HmacCall, type Operand, type Part, type Reference, TemplateError } from './syntax.js';
import { bullets, lesserTrust, type Tagged, type Trust, toText } from './values.js';

/** Where references lead. One scope is made for a call and sees one snapshot of everything. */
export type Scope = { resolve(reference: Reference): Tagged };

const missing: Tagged = { value: undefined, trust: 'server' };
export const missingValue = missing;

const operandValue = (operand: Operand, scope: Scope): Tagged =>
  operand.kind === 'literal' ? { value: operand.text, trust: 'server' } : scope.resolve(operand.reference);

const masked = (trust: Trust): Tagged => ({ value: bullets, trust, masked: true });

const evaluateCall = (call: HmacCall, scope: Scope): Tagged => {
  const message = evaluateParts(call.message, scope);
  const key = evaluateParts(call.key, scope);
  const trust = lesserTrust(message.trust, key.trust);
  if (message.masked || key.masked) return masked(trust);
  return { value: Buffer.from(hmac(call.algorithm, message.value, key.value)).toString('hex'), trust };
};

/** The value of one expression, its type kept. Throws TemplateError. */
export const evaluate = (expression: Expression, scope: Scope): Tagged => {
  const { input, filters } = expression;
  let current = input.kind === 'hmac' ? evaluateCall(input, scope) : operandValue(input, scope);
  for (const filter of filters) {
    let { trust } = current;
    let hidden = current.masked === true;
    const args = filter.args.map((arg) => {
      const value = operandValue(arg, scope);
      trust = lesserTrust(trust, value.trust);
      hidden ||= value.masked === true;
      return value.value;
    });
    // What is derived from a hidden secret would be as wrong as it is telling.
    current = hidden ? masked(trust) : { value: runFilter(filter, current.value, args), trust };
  }
  return current;
};

const evaluatePart = (part: Exclude<Part, string>, scope: Scope): Tagged =>
  part.kind === 'hmac' ? evaluateCall(part, scope) : evaluate(part, scope);

/** The value of a sequence: of its only part with its type kept, else the text of all parts. */
export const evaluateParts = (parts: readonly Part[], scope: Scope): Tagged => {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined && typeof only !== 'string') return evaluatePart(only, scope);
  let text = '';
  let trust: Trust = 'server';
  let hidden = false;
  for (const part of parts) {
    if (typeof part === 'string') text += part;
    else {
      const value = evaluatePart(part, scope);
      text += toText(value.value);
      trust = lesserTrust(trust, value.trust);
      hidden ||= value.masked === true;
    }
  }
  return hidden ? { value: text, trust, masked: true } : { value: text, trust };
};

/** The text of a template. */
export const renderText = (parts: readonly Part[], scope: Scope): string => {
  const [only] = parts;
  if (parts.length === 1 && typeof only === 'string') return only;
  return toText(evaluateParts(parts, scope).value);
};

/** The text of a template in a place that decides who is trusted; values chosen by the AI are refused there. */
export const renderTrusted = (parts: readonly Part[], scope: Scope, place: string): string => {
  const { value, trust } = evaluateParts(parts, scope);
  if (trust === 'ai') throw new TemplateError(`a value chosen by the AI cannot stand in ${place}`);
  return toText(value);
};
