/** Why a certificate or key cannot be used, for messages and for the tests that tell them apart. */
export type MaterialErrorKind =
  | 'password-missing'
  | 'password-wrong'
  | 'damaged'
  | 'unsupported'
  | 'no-certificate'
  | 'no-key'
  | 'mismatch'
  | 'expired'
  | 'too-slow'
  | 'too-large';

/** The sentence is for the person who uploads; it never quotes the file or the password. */
export class MaterialError extends Error {
  readonly kind: MaterialErrorKind;

  constructor(kind: MaterialErrorKind, message: string) {
    super(message);
    this.name = 'MaterialError';
    this.kind = kind;
  }
}

export const passwordMissing = (): MaterialError =>
  new MaterialError('password-missing', 'The file is encrypted; its password is required.');
export const passwordWrong = (): MaterialError =>
  new MaterialError('password-wrong', 'The password does not open the file.');
export const damaged = (what: string): MaterialError =>
  new MaterialError('damaged', `The file is damaged: it ${what}.`);
export const unsupported = (what: string): MaterialError =>
  new MaterialError('unsupported', `The file uses ${what}, which is not supported; export it again with AES-256.`);
