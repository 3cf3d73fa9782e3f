/** A session description as RFC 8866 (which obsoletes RFC 4566) writes it, reduced to what calls need. */

export type IpAddress = { readonly family: 4 | 6; readonly address: string };

export type SdpAttribute = {
  readonly name: string;
  /** Null for a property attribute such as `a=sendrecv`. */
  readonly value: string | null;
};

export type SdpOrigin = {
  readonly username: string;
  /** Text, since the numbers may be 64 bits long (RFC 8866 section 5.2), more than a double holds. */
  readonly sessionId: string;
  readonly sessionVersion: string;
  readonly address: string;
  readonly family: 4 | 6;
};

export type SdpMedia = {
  /** `audio`, `video`, `image`, … */
  readonly type: string;
  /** 0 = refused or removed (RFC 3264 section 6). */
  readonly port: number;
  /** As received, for example `RTP/AVP`. */
  readonly protocol: string;
  /** RTP payload numbers for RTP protocols, otherwise whatever the protocol says. */
  readonly formats: readonly string[];
  readonly connection: IpAddress | null;
  readonly attributes: readonly SdpAttribute[];
};

export type SessionDescription = {
  readonly origin: SdpOrigin;
  readonly sessionName: string;
  readonly connection: IpAddress | null;
  /** The first `t=` line; an answer repeats that of its offer (RFC 3264 section 6). */
  readonly timing: string;
  readonly attributes: readonly SdpAttribute[];
  readonly media: readonly SdpMedia[];
};

export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** The value of the first attribute of that name; undefined when there is none, null when it carries no value. */
export const attributeValue = (attributes: readonly SdpAttribute[], name: string): string | null | undefined => {
  for (const attribute of attributes) if (attribute.name === name) return attribute.value;
  return undefined;
};

/** All values of that attribute in their order; attributes without a value are left out. */
export const attributeValues = (attributes: readonly SdpAttribute[], name: string): string[] => {
  const values: string[] = [];
  for (const attribute of attributes) {
    if (attribute.name === name && attribute.value !== null) values.push(attribute.value);
  }
  return values;
};

const directions: ReadonlySet<string> = new Set<Direction>(['sendrecv', 'sendonly', 'recvonly', 'inactive']);
const isDirection = (name: string): name is Direction => directions.has(name);

const directionIn = (attributes: readonly SdpAttribute[]): Direction | null => {
  for (const attribute of attributes) if (isDirection(attribute.name)) return attribute.name;
  return null;
};

/** The direction of a media section as its author sees it: its own, else the session's, else sendrecv (RFC 8866 6.7). */
export const directionOf = (description: SessionDescription, media: SdpMedia): Direction =>
  directionIn(media.attributes) ?? directionIn(description.attributes) ?? 'sendrecv';

/** True when the address means "send me nothing", the hold of RFC 2543 (RFC 3264 section 8.4). */
export const isUnspecifiedAddress = (address: string): boolean => address === '0.0.0.0' || /^[0:]+$/.test(address);
