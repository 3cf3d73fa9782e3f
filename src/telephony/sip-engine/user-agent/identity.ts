import { formatNameAddr, parseNameAddr } from '../header-values.js';
import type { SipHeader, SipRequest } from '../message.js';
import type { EngineOptions } from '../options.js';
import type { ListenPoint, TransportLayer, TransportName } from '../transport.js';
import { formatHost } from '../uri.js';

/** A `host[:port]` of ours as others must write it. */
export type OwnAddress = {
  transport: TransportName;
  host: string;
  port: number;
  /** The host that Contact names, where it is another. */
  contactHost?: string | undefined;
};

type NamingOptions = Pick<EngineOptions, 'publicAddress' | 'publicPorts' | 'contactHost'>;

/** What we call ourselves in Via, Contact and default headers: the public address when one is configured. */
export class Identity {
  readonly #options: NamingOptions;
  readonly #layer: () => TransportLayer;

  constructor(options: NamingOptions, layer: () => TransportLayer) {
    this.#options = options;
    this.#layer = layer;
  }

  /** Our address towards a peer, or undefined when we do not listen on that transport. */
  towards(transport: TransportName, remoteAddress: string): OwnAddress | undefined {
    const local = this.#layer().localFor(transport, remoteAddress);
    return local && this.publicOf(local);
  }

  publicOf(local: ListenPoint): OwnAddress {
    return {
      transport: local.transport,
      host: this.#options.publicAddress ?? local.address,
      port: this.#options.publicPorts?.[local.transport] ?? local.port,
      contactHost: this.#options.contactHost,
    };
  }

  /** True when host and port are one of our listening points, by its local or its public address. */
  isOurs(host: string, port: number | undefined, transport?: TransportName): boolean {
    return this.#layer().local.some((local) => {
      if (transport !== undefined && local.transport !== transport) return false;
      const shown = this.publicOf(local);
      const wanted = port ?? (local.transport === 'tls' ? 5061 : 5060);
      return (
        ((host === shown.host || host === shown.contactHost) && wanted === shown.port) ||
        (wanted === local.port && (host === local.address || (isAny(local.address) && isLoopback(host))))
      );
    });
  }

  /** `proto/host:port,…` of all listening points, as `authenticate` is answered: public and local. */
  hostports(): { shown: string; local: string } {
    const points = this.#layer().local;
    const text = (address: { transport: string; host: string; port: number }): string =>
      `${address.transport}/${formatHost(address.host)}:${address.port}`;
    return {
      shown: points.map((p) => text(this.publicOf(p))).join(','),
      local: points.map((p) => text({ transport: p.transport, host: p.address, port: p.port })).join(','),
    };
  }
}

const isAny = (address: string): boolean => address === '0.0.0.0' || address === '::';
const isLoopback = (host: string): boolean => host.startsWith('127.') || host === '::1' || host === 'localhost';

export const hostPort = (own: OwnAddress): string => `${formatHost(own.host)}:${own.port}`;

const transportParam = (transport: TransportName): string => (transport === 'udp' ? '' : `;transport=${transport}`);

const contactHostPort = (own: OwnAddress): string => hostPort({ ...own, host: own.contactHost ?? own.host });

export const defaultContact = (own: OwnAddress): string =>
  `<sip:${contactHostPort(own)}${transportParam(own.transport)}>`;

const addresses = new Set([
  'From',
  'To',
  'Contact',
  'P-Asserted-Identity',
  'P-Preferred-Identity',
  'Refer-To',
  'Referred-By',
]);

/**
 * Puts angle brackets around bare URIs of an application's addresses (`sip:a@b` -> `<sip:a@b>`): a parameter behind a
 * bare URI is the header's, not the URI's, and devices that look for brackets find them.
 */
export const bracketAddresses = (headers: SipHeader[]): void => {
  for (let i = 0; i < headers.length; i++) {
    const header = headers[i];
    if (!header || !addresses.has(header.name) || header.value.includes('<')) continue;
    const parsed = parseNameAddr(header.value);
    if (parsed) headers[i] = { name: header.name, value: formatNameAddr(parsed) };
  }
};

const substituted = new Set(['From', 'To', 'Contact', 'P-Asserted-Identity']);
const afterUser = /@localhost(?::\d+)?(?=[>;?,\s]|$)/g;
const anywhere = /(@|sips?:)localhost(?::\d+)?(?=[>;?,\s]|$)/g;

/**
 * Puts our address where the application wrote `localhost`: after a user in From, To, Contact and P-Asserted-Identity,
 * and as a whole host in From and Contact. A Contact over TCP or TLS also names its transport, or requests in the
 * dialog would come by UDP.
 */
export const substituteLocalhost = (headers: SipHeader[], own: OwnAddress): void => {
  for (let i = 0; i < headers.length; i++) {
    const header = headers[i];
    if (!header || !substituted.has(header.name) || !header.value.includes('localhost')) continue;
    const whole = header.name === 'From' || header.name === 'Contact';
    const transport =
      header.name === 'Contact' && own.transport !== 'udp' && !header.value.includes('transport=')
        ? transportParam(own.transport)
        : '';
    const place = header.name === 'Contact' ? contactHostPort(own) : hostPort(own);
    const value = whole
      ? header.value.replace(anywhere, (_all, before: string) => `${before}${place}${transport}`)
      : header.value.replace(afterUser, `@${hostPort(own)}`);
    headers[i] = { name: header.name, value };
  }
};

/** A request with our address in place of `localhost`, for the way it is sent by. */
export const withOurAddress = (request: SipRequest, own: OwnAddress): SipRequest => {
  const headers = [...request.headers];
  substituteLocalhost(headers, own);
  return { ...request, headers };
};
