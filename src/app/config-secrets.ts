import { BULLETS } from '../core/redaction.js';

/** Settings that are credentials, by their place in gateway.yaml. Addresses may hold some too: see `passwordsIn`. */
const secretPaths = [
  'drachtio.secret',
  'livekit.apiSecret',
  'twilio.authToken',
  'dashboard.jwtSecret',
  'encryptionKeys',
  'traces.headers',
  'homer.key',
] as const;

/** The value at `a.b` in what YAML or a schema made; undefined when there is none. */
export const valueAt = (from: unknown, path: string): unknown =>
  path
    .split('.')
    .reduce<unknown>(
      (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
      from,
    );

/** An address up to the blank or to the comma before the next one. */
const addresses = /[a-z][a-z0-9+.-]*:\/\/(?:(?!,[a-z][a-z0-9+.-]*:\/\/)\S)+/gi;
/** What stands before the last @: a password may itself hold one, and a slash that should have been encoded. */
const login = /^([a-z][a-z0-9+.-]*:\/\/)([^:@]*)(:?)(.*)@/i;
const secretParameter = /([?&][^=&\s]*(?:pass|pwd|secret|token|key|auth|sig)[^=&\s]*=)([^&#\s]*)/gi;

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** Passwords in the addresses of a text: before the host, and in parameters that are called so. */
export const passwordsIn = (text: string): readonly string[] => {
  const found: string[] = [];
  for (const [address] of text.matchAll(addresses)) {
    const [, , user = '', colon, password = ''] = login.exec(address) ?? [];
    // A name alone before the host is how some pass a token.
    found.push(colon === ':' ? password : user);
    for (const [, , value = ''] of address.matchAll(secretParameter)) found.push(value);
  }
  return found.filter((each) => each !== '').flatMap((each) => [...new Set([each, decoded(each)])]);
};

/** The text with bullets for the passwords in its addresses. */
const masked = (text: string): string =>
  text.replace(addresses, (address) =>
    address
      .replace(login, (_, scheme: string, user: string, colon: string) =>
        colon === ':' ? `${scheme}${user}:${BULLETS}@` : `${scheme}${BULLETS}@`,
      )
      .replace(secretParameter, `$1${BULLETS}`),
  );

/** True for the place of a credential in gateway.yaml. */
export const isSecret = (path: string): boolean => secretPaths.some((each) => each === path);

/** A setting as people may see it. */
export const shownSetting = (path: string, value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (text === '') return '';
  return isSecret(path) ? BULLETS : masked(text);
};

const textsIn = (value: unknown): readonly string[] => {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
};

/** Every credential in a configuration, for the redactor of the log. */
export const configSecrets = (config: object): readonly string[] => [
  ...secretPaths.flatMap((path) => textsIn(valueAt(config, path))),
  ...textsIn(config).flatMap(passwordsIn),
];
