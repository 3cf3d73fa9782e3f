import { toE164 } from '../../core/e164.js';
import { sipUriFault } from '../directory/index.js';
import { type OutboundPolicy, patternOf } from './policy.js';

/** Somebody to call, as an agent or an API client writes it: a telephone number, `tel:` or `sip:`. */
export type CallTarget =
  | { readonly type: 'phone' /** E.164. */; readonly value: string }
  | {
      readonly type: 'sip';
      readonly value: string;
      readonly user: string;
      readonly host: string;
      readonly port: string;
    };

const sipTarget = (text: string): CallTarget | string => {
  const fault = sipUriFault(text);
  if (fault !== null) return fault;
  const rest = text.slice('sip:'.length);
  const at = rest.lastIndexOf('@');
  const [hostPort = '', ...parameters] = rest.slice(at + 1).split(';');
  // Others, `maddr` above all, would send the call to where the host does not say (RFC 3261 section 19.1.1).
  if (parameters.some((parameter) => !/^(transport|user)=/i.test(parameter))) {
    return 'may have no URI parameters but transport and user';
  }
  const [, host = '', port = ''] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(hostPort) ?? [];
  return { type: 'sip', value: text, user: at < 0 ? '' : rest.slice(0, at), host: host.toLowerCase(), port };
};

/**
 * Reads a target; a text is a phrase that says what is wrong with it and goes on from the field's name. Numbers without
 * `+` are read as dialled in `country`.
 */
export const readTarget = (given: string, country: string): CallTarget | string => {
  const text = given.trim();
  if (text.length > 500) return 'must not be longer than 500 characters';
  if (/^sips?:/i.test(text)) return sipTarget(text);
  const number = /^tel:/i.test(text) ? (text.slice(4).split(';', 1)[0] ?? '') : text;
  const value = toE164(number, country);
  return value === null ? 'is neither a telephone number nor a sip: URI' : { type: 'phone', value };
};

const hostFits = (pattern: string, host: string): boolean =>
  pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern;
const userFits = (pattern: string, user: string): boolean =>
  pattern.endsWith('*') ? user.startsWith(pattern.slice(0, -1)) : user === pattern;

/** Whether the operator's list lets this target be called. */
export const isListed = (policy: Pick<OutboundPolicy, 'numbers' | 'uris'>, target: CallTarget): boolean => {
  if (target.type === 'phone') return policy.numbers.some((prefix) => target.value.startsWith(prefix));
  return policy.uris.some((text) => {
    const pattern = patternOf(text);
    return (
      pattern !== null &&
      pattern.port === target.port &&
      hostFits(pattern.host, target.host) &&
      userFits(pattern.user, target.user)
    );
  });
};

/** True when a destination's value is this target; parameters such as the transport make no other party of it. */
export const isSameTarget = (target: CallTarget, value: string): boolean => {
  if (target.type === 'phone') return target.value === value;
  const other = /^sip:/i.test(value) ? sipTarget(value) : null;
  return (
    other !== null &&
    typeof other !== 'string' &&
    other.type === 'sip' &&
    other.user === target.user &&
    other.host === target.host &&
    other.port === target.port
  );
};
