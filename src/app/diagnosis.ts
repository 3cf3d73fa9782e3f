import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { SystemCheck, SystemChecks, TwilioParts } from '../api/index.js';
import type { Clock } from '../core/clock.js';
import { GatewayError } from '../core/errors.js';
import type { DirectoryService } from '../domain/directory/index.js';
import type { ProfileRegistry, SipServer } from '../telephony/sip/index.js';
import { checkPlace, placesOf, type SipPlace } from './check-destinations.js';
import { reachChecks, sipHost } from './check-reach.js';
import type { Config } from './config.js';
import { isLoopback } from './config-values.js';

export type DiagnosisOptions = {
  readonly config: Config;
  readonly directory: Pick<DirectoryService, 'organizations' | 'export'>;
  readonly server: Pick<SipServer, 'endpoints' | 'peers' | 'probe'>;
  readonly profiles: Pick<ProfileRegistry, 'all'>;
  readonly twilio: Pick<TwilioParts, 'check'> | null;
  readonly clock: Clock;
  /** Name servers instead of the system's, for tests. */
  readonly dnsServers?: readonly string[];
};

/** Places looked at, in all and at once: a directory of thousands must not become a flood. */
const most = { places: 200, together: 20 };
/** ms our own answer may take. */
const OWN = 2_000;
const DAY = 86_400_000;

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Whether our own SIP answers where others are told to send it. */
const ownSip = async ({ server, config }: DiagnosisOptions): Promise<SystemCheck[]> => {
  const shown = server.endpoints().flatMap((endpoint) => {
    const [transport = '', address = ''] = endpoint.split('/');
    // A certificate is for a name, and this is an address: it is looked at by itself.
    return transport === 'tls' || address === '' ? [] : [{ transport, address }];
  });
  return Promise.all(
    shown.map(async ({ transport, address }) => {
      const name = `own SIP ${transport}`;
      const answer = await server.probe(`sip:doctor@${address};transport=${transport}`, OWN);
      if (answer.answered) {
        const says = `${address} answers OPTIONS with ${answer.status} in ${answer.roundTripMs} ms`;
        return { name, state: answer.status < 300 ? 'ok' : 'warning', says } as const;
      }
      const translated = config.sip.publicAddress !== undefined;
      const why = translated ? ' (many NATs do not lead back inside: try from outside)' : '';
      return { name, state: translated ? 'warning' : 'failed', says: `${address}: ${answer.detail}${why}` } as const;
    }),
  );
};

/** How long the certificate of our own TLS is good for, and whom it names. */
const ownCertificate = async ({ config, clock }: DiagnosisOptions): Promise<SystemCheck[]> => {
  if (config.sip.tls === undefined) return [];
  const name = 'own certificate';
  try {
    const certificate = new X509Certificate(await readFile(config.sip.tls.cert));
    const days = Math.floor((Date.parse(certificate.validTo) - clock.now()) / DAY);
    const whom = certificate.subjectAltName ?? certificate.subject.replace(/\n/g, ', ');
    if (days < 0) return [{ name, state: 'failed', says: `ended ${-days} days ago (SIP_TLS_CERT)` }];
    return [{ name, state: days < 14 ? 'warning' : 'ok', says: `is for ${whom}, good for ${days} days` }];
  } catch (error) {
    return [{ name, state: 'failed', says: `cannot be read (SIP_TLS_CERT): ${textOf(error)}` }];
  }
};

const destinations = async (options: DiagnosisOptions): Promise<SystemCheck[]> => {
  const { directory, server, profiles, config, dnsServers } = options;
  const places: SipPlace[] = [];
  try {
    for (const orgId of await directory.organizations()) {
      const document = await directory.export(orgId);
      if (document !== null) places.push(...placesOf(orgId, document));
    }
  } catch (error) {
    return [{ name: 'destinations', state: 'failed', says: `cannot be read: ${textOf(error)}` }];
  }
  const host = sipHost(config);
  const ca = config.sip.tls?.ca;
  // A file that is gone is told of at the next start; until then the destinations are looked at without it.
  const authorities = ca === undefined ? '' : await readFile(ca, 'utf8').catch(() => '');
  const means = {
    ...(authorities === '' ? {} : { authorities }),
    ...{ probe: server.probe, profiles: () => profiles.all(), from: host === null || isLoopback(host) ? null : host },
    ...(dnsServers === undefined ? {} : { dnsServers }),
  };
  const looked = places.slice(0, most.places);
  const checks: SystemCheck[] = [];
  for (let at = 0; at < looked.length; at += most.together) {
    checks.push(...(await Promise.all(looked.slice(at, at + most.together).map((place) => checkPlace(place, means)))));
  }
  const left = places.length - looked.length;
  if (left > 0) checks.push({ name: 'destinations', state: 'warning', says: `${left} more were not looked at` });
  return checks;
};

const watchedPeers = ({ server }: DiagnosisOptions): SystemCheck[] =>
  server.peers().flatMap(({ profile, target, reachable, roundTripMs }) => {
    if (reachable === null) return [];
    const says = reachable ? `${target} answers in ${roundTripMs ?? 0} ms` : `${target} does not answer OPTIONS`;
    return [{ name: `peer ${profile}`, state: reachable ? 'ok' : 'failed', says }];
  });

const twilioAccount = async ({ twilio }: DiagnosisOptions): Promise<SystemCheck[]> => {
  if (twilio === null) return [];
  try {
    const { name, status } = await twilio.check();
    const says = `account ${JSON.stringify(name)} is ${status}`;
    return [{ name: 'twilio', state: status === 'active' ? 'ok' : 'failed', says }];
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return [{ name: 'twilio', state: 'failed', says: error.message }];
  }
};

/** Everything outside this process that calls need, looked at from here. */
export const createDiagnosis = (options: DiagnosisOptions): SystemChecks => {
  return async () => [
    ...reachChecks(options.config),
    ...(
      await Promise.all([ownSip(options), ownCertificate(options), destinations(options), twilioAccount(options)])
    ).flat(),
    ...watchedPeers(options),
  ];
};
