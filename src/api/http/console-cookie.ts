/**
 * The one cookie of this gateway: httpOnly, so that no script can read it; SameSite=Strict, so that no other site can
 * use it; and over https Secure under a `__Host-` name, which no sub-domain can set.
 */
const plain = 'voice_gateway_console';
const secure = `__Host-${plain}`;

/** The value in a `Cookie` header; null when there is none. */
export const cookieOf = (header: string | undefined): string | null => {
  for (const part of header?.split(';') ?? []) {
    const [name, value] = part.trim().split('=', 2);
    if ((name === secure || name === plain) && value !== undefined && value !== '') return value;
  }
  return null;
};

/** `Set-Cookie` for a value, or for none with `maxAge` 0. `maxAge`: s. */
export const setCookie = (publicUrl: string, value: string, maxAge: number): string => {
  const https = publicUrl.startsWith('https:');
  const name = https ? secure : plain;
  return `${name}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Strict${https ? '; Secure' : ''}`;
};
