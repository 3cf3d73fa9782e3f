import type { SystemCheck } from '../api/index.js';
import type { Probe, Profile } from '../telephony/sip/index.js';
import { inspectTls, inspectUri } from '../telephony/sip-engine/index.js';

/** A place calls go to, as the document of an organization has it. */
export type SipPlace = {
  /** `acme/desk`. */
  readonly name: string;
  readonly uri: string;
  readonly profile: string | null;
  readonly secureMedia: boolean;
};

type Means = {
  readonly probe: (uri: string, timeout: number) => Promise<Probe>;
  readonly profiles: () => readonly Profile[];
  /** The address requests leave from, as far as it is known: for the peer's list of allowed ones. */
  readonly from: string | null;
  /** Authorities of SIP over TLS besides the system's, PEM. */
  readonly authorities?: string;
  /** Name servers instead of the system's. */
  readonly dnsServers?: readonly string[];
};

/** ms for each of name servers, TLS and OPTIONS. */
const TIMEOUT = 4_000;
/** A certificate that ends in so many days is told of. */
const SOON = 14;
const DAY = 86_400_000;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** The SIP addresses of an exported document: of SIP lines, and of trunks to telephones. */
export const placesOf = (orgId: string, document: { readonly transferDestinations: readonly unknown[] }): SipPlace[] =>
  document.transferDestinations.filter(isRecord).flatMap(({ id, type, value, trunk, profile, secureMedia }) => {
    const uri = type === 'sip' ? value : trunk;
    if (typeof uri !== 'string') return [];
    const named = typeof profile === 'string' ? profile : null;
    return [{ name: `${orgId}/${String(id)}`, uri, profile: named, secureMedia: secureMedia === true }];
  });

/** The URI with the transport a call would take. */
const asDialled = ({ uri, profile, secureMedia }: SipPlace, profiles: readonly Profile[]): string => {
  if (/;transport=/i.test(uri)) return uri;
  const rules = profiles.find(({ name }) => name === profile)?.outbound;
  const transport = secureMedia ? (rules?.secureTransport ?? 'tls') : (rules?.transport ?? null);
  return transport === null ? uri : `${uri};transport=${transport}`;
};

/** A peer that lets in known addresses only says nothing to others, or 403. */
const hint = (uri: string, from: string | null): string => {
  const us = from === null ? "this machine's public address" : from;
  return /\.sip\.(?:[a-z0-9-]+\.)?twilio\.com(?:[:;]|$)/i.test(uri)
    ? `; if the line is right, its IP ranges (Zendesk: the SIP line's settings; Twilio: the domain's access list) must have ${us}`
    : `; the peer may let in known addresses only: it must have ${us} on its list`;
};

/** Name servers, certificate and OPTIONS of one place. Never rejects. */
export const checkPlace = async (place: SipPlace, means: Means): Promise<SystemCheck> => {
  const uri = asDialled(place, means.profiles());
  const name = `destination ${place.name}`;
  const failed = (says: string): SystemCheck => ({ name, state: 'failed', says: `${uri}: ${says}` });
  const where = await inspectUri(uri, {
    timeout: TIMEOUT,
    ...(means.dnsServers === undefined ? {} : { servers: means.dnsServers }),
  });
  if (!where.ok) return failed(where.detail);
  const [first] = where.targets;
  if (first === undefined) return failed('it has no address in DNS');
  const [certificate, answer] = await Promise.all([
    first.transport === 'tls' ? inspectTls(first, TIMEOUT, means.authorities) : null,
    means.probe(uri, TIMEOUT),
  ]);
  if (certificate?.ok === false) return failed(`TLS to ${first.address}:${first.port}: ${certificate.detail}`);
  const more = where.targets.length > 1 ? ` and ${where.targets.length - 1} more` : '';
  const at = `${first.transport} ${first.address}:${first.port}${more}`;
  if (!answer.answered) return failed(`${at}: ${answer.detail}${hint(uri, means.from)}`);
  const said = `answers OPTIONS with ${answer.status} ${answer.reason} in ${answer.roundTripMs} ms`.replace(
    / {2,}/g,
    ' ',
  );
  if (answer.status === 403) {
    return { name, state: 'warning', says: `${uri}: ${at} ${said}${hint(uri, means.from)}` };
  }
  const left = certificate === null ? null : Math.floor((certificate.validTo.getTime() - Date.now()) / DAY);
  const ends = left === null ? '' : `; its certificate is good for ${left} days`;
  return { name, state: left !== null && left < SOON ? 'warning' : 'ok', says: `${uri}: ${at} ${said}${ends}` };
};
