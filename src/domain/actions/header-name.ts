import { isSecretName } from '../../core/redaction.js';
import { headerNameFault } from './template/header-template.js';

/** What there is to know of the name of a header. */
export type HeaderName = {
  readonly lower: string;
  readonly valid: boolean;
  /** Says who calls; nobody but the gateway sets it, or a receiver could be deceived. */
  readonly reserved: boolean;
  /** Belongs to the connection (RFC 9110 section 7.6.1, RFC 9112); setting it would break framing. */
  readonly connection: boolean;
  /** Its value is never shown. */
  readonly sensitive: boolean;
  /** Carries a preference, not a credential: blanking its value out of bodies would only do harm. */
  readonly plain: boolean;
  /** Says by its name that its value tells one thing from another, however much that looks like a key. */
  readonly identifies: boolean;
};

const connectionNames: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'content-length',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'accept-encoding',
]);

const plainNames: ReadonlySet<string> = new Set([
  'accept',
  'accept-language',
  'accept-charset',
  'cache-control',
  'content-type',
  'content-language',
  'prefer',
]);

const identifying = /(?:^|[-_])(?:id|uuid|guid|number|email|phone|locale|version|url|uri)$/;

const judge = (name: string): HeaderName => {
  const lower = name.toLowerCase();
  return {
    lower,
    valid: headerNameFault(name) === undefined,
    reserved: lower === 'user-agent' || lower.startsWith('x-opencx-'),
    connection: connectionNames.has(lower),
    sensitive: isSecretName(name),
    plain: plainNames.has(lower),
    identifies: identifying.test(lower),
  };
};

const judged = new Map<string, HeaderName>();
const maxJudged = 1_000;
/** Longer names are judged each time: what is kept for good should stay small. */
const maxKeptLength = 64;

/** The few names that there are come again with every call, so they are judged once. */
export const headerName = (name: string): HeaderName => {
  const known = judged.get(name);
  if (known !== undefined) return known;
  const verdict = judge(name);
  if (judged.size < maxJudged && name.length <= maxKeptLength) judged.set(name, verdict);
  return verdict;
};
