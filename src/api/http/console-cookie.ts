/**
 * The one cookie of this gateway: httpOnly, so that no script can read it; SameSite=Strict, so that no other site can
 * use it; and over https Secure under a `__Host-` name, which no sub-domain can set.
 */
const plain = 'voice_gateway_console';
const secure = `__Host-${plain}`;

const nameFor = (publicUrl: string): string => (publicUrl.startsWith('https:') ? secure : plain);

/**
 * The value in a `Cookie` header; null when there is none. Over https the plain name counts for nothing: any sub-domain
 * can set it, and sign somebody in as somebody else.
 */
export const cookieOf = (publicUrl: string, header: string | undefined): string | null => {
  const wanted = nameFor(publicUrl);
  for (const part of header?.split(';') ?? []) {
    const [name, value] = part.trim().split('=', 2);
    if (name === wanted && value !== undefined && value !== '') return value;
  }
  return null;
};

/** `Set-Cookie` for a value, or for none with `maxAge` 0. `maxAge`: s. */
export const setCookie = (publicUrl: string, value: string, maxAge: number): string => {
  const name = nameFor(publicUrl);
  return `${name}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Strict${name === secure ? '; Secure' : ''}`;
};
