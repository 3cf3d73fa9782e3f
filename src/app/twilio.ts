import type { TwilioParts, TwilioWebhook } from '../api/index.js';
import type { Clock } from '../core/clock.js';
import { isE164 } from '../core/e164.js';
import { GatewayError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { DirectoryService } from '../domain/directory/index.js';
import { createEgressClient, createEgressPolicy, EgressFailure, parseAllowList } from '../platform/egress/index.js';
import type { OwnedNumber, TwilioSend, WebhookParameters } from '../telephony/carriers/twilio/index.js';
import { type Config, hasExternalServer, loopbackOnly } from './config.js';
import { isLoopback, isWildcard } from './config-values.js';
import type { ShutdownStack } from './shutdown-stack.js';

export type StartTwilioOptions = {
  readonly config: Config;
  readonly directory: DirectoryService;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stack: ShutdownStack;
};

/** ms one request to Twilio may take. */
const TIMEOUT = 10_000;
const LARGEST = 8_388_608;
/** Seconds a call by webhook rings at the gateway: an agent's room may take a moment. */
const RING = 60;
const defaultPorts = { udp: 5060, tcp: 5060, tls: 5061 };

/**
 * Where Twilio reaches the gateway's SIP: TLS before TCP before UDP; with `secure` TLS alone. A drachtio-server is reached
 * by the public address alone: what it listens on is its own, and SIP_LISTEN says no more than its port. Throws
 * GatewayError bad_request when the configuration names no address that Twilio could reach.
 */
export const originationOf = (config: Config, secure: boolean): string => {
  if (hasExternalServer(config) && config.sip.publicAddress === undefined) {
    throw new GatewayError(
      'bad_request',
      'SIP is received by a drachtio-server: set SIP_PUBLIC_ADDRESS to the address at which Twilio reaches it, or say origination.',
    );
  }
  const [point] = (['tls', 'tcp', 'udp'] as const)
    .filter((transport) => transport === 'tls' || !secure)
    .flatMap((transport) => config.sip.listen.filter((each) => each.transport === transport));
  if (point === undefined) {
    throw new GatewayError('bad_request', 'A secure trunk needs TLS: add a tls: address to SIP_LISTEN.');
  }
  const host = config.sip.publicAddress ?? point.host;
  if (isLoopback(host) || isWildcard(host)) {
    throw new GatewayError(
      'bad_request',
      `Twilio cannot reach ${host}: set SIP_LISTEN and SIP_PUBLIC_ADDRESS to an address of the internet, or say origination.`,
    );
  }
  const port = point.port === defaultPorts[point.transport] ? '' : `:${point.port}`;
  const transport = point.transport === 'udp' ? '' : `;transport=${point.transport}`;
  return `sip:${host.includes(':') ? `[${host}]` : host}${port}${transport}`;
};

const single = (parameters: WebhookParameters, name: string): string | null => {
  const value = parameters[name];
  return typeof value === 'string' && value !== '' ? value : null;
};

/** Throws GatewayError bad_request when a call that comes by webhook would find no way here. */
const checkWebhookWay = (config: Config): void => {
  originationOf(config, false);
  if (!isLoopback(new URL(config.http.publicUrl).hostname)) return;
  throw new GatewayError(
    'bad_request',
    `Twilio cannot reach ${config.http.publicUrl}: set PUBLIC_URL to an address of the internet, or take the number on a trunk.`,
  );
};

/** The operator's Twilio account on guarded connections of its own; null when none is configured. */
export const startTwilio = async (options: StartTwilioOptions): Promise<TwilioParts | null> => {
  const { config, directory, clock, log, stack } = options;
  if (config.twilio === undefined) return null;
  const { accountSid, authToken, apiUrl } = config.twilio;
  // The package is large: a gateway without Twilio does not load it.
  const twilio = await import('../telephony/carriers/twilio/index.js');
  const egress = createEgressClient({
    policy: createEgressPolicy({ allow: parseAllowList(config.egress.allow), loopbackOnly: loopbackOnly(config) }),
    clock,
  });
  stack.push('connections to Twilio', () => egress.close());
  const send: TwilioSend = async ({ method, url, headers, body }) => {
    try {
      const answer = await egress.request({
        ...{ purpose: 'carrier', method, url, body, timeoutMs: TIMEOUT, maxResponseBytes: LARGEST },
        headers: Object.entries(headers).flat(),
      });
      return { status: answer.status, headers: answer.headers, body: answer.body.toString('utf8') };
    } catch (error) {
      if (!(error instanceof EgressFailure)) throw error;
      throw new GatewayError('twilio_unavailable', `Twilio cannot be asked: ${error.message}`, { cause: error });
    }
  };
  const pause = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
  const account = twilio.openTwilioAccount({
    ...{ accountSid, authToken, send, pause },
    ...(apiUrl === undefined ? {} : { apiUrl }),
  });
  const numbers = twilio.twilioNumbers(account);
  const { publicUrl } = config.http;
  const statusCallback = `${publicUrl}/twilio/status`;

  const withOwner = async (owned: OwnedNumber) => {
    const route = await directory.directory.route(owned.number);
    return {
      ...owned,
      organization: route?.organization.id ?? null,
      agent: route?.agent.id ?? null,
      verified: route?.number.verified ?? null,
    };
  };

  /** The number as its organization has it is proven from now on; true when it was not before. */
  const markVerified = async (number: string): Promise<boolean> => {
    const route = await directory.directory.route(number);
    if (route === null || route.number.verified) return false;
    const { agentId: agent, profile, orgId } = route.number;
    await directory.apply({
      orgId,
      document: { organization: { id: orgId }, numbers: [{ number, agent, profile, verified: true }] },
      ...{ prune: false, dryRun: false, edit: {} },
      policy: { operator: true, loopbackOnly: loopbackOnly(config) },
    });
    log.info({ number, organization: orgId }, 'A number was verified by Twilio.');
    return true;
  };

  const verification: TwilioParts['verification'] = async (number) => {
    const standing = await numbers.standing(number);
    const marked = standing !== 'unknown' && (await markVerified(number));
    const route = await directory.directory.route(number);
    return {
      number,
      status: standing === 'unknown' ? 'pending' : standing,
      organization: route?.organization.id ?? null,
      verified: route?.number.verified ?? null,
      marked,
    };
  };

  /** Throws GatewayError forbidden. What Twilio signs is PUBLIC_URL: what a proxy forwards is not looked at. */
  const trusted = ({ signature, target, body }: TwilioWebhook): WebhookParameters => {
    if (twilio.isSignedByTwilio(authToken, signature, `${publicUrl}${target}`, body)) {
      return twilio.webhookParameters(body);
    }
    log.warn(
      { target: target.split('?', 1)[0], signed: signature !== undefined },
      'A webhook was not signed by Twilio.',
    );
    throw new GatewayError(
      'forbidden',
      'The request is not signed by Twilio for this address: PUBLIC_URL and TWILIO_AUTH_TOKEN must be as Twilio has them.',
    );
  };

  /** Null, and logged, when there is no way here: Twilio is answered in TwiML all the same. */
  const originationHere = (): string | null => {
    try {
      return originationOf(config, false);
    } catch (error) {
      log.error(
        { reason: error instanceof Error ? error.message : String(error) },
        'A call by webhook has no way here.',
      );
      return null;
    }
  };

  return {
    check: () => numbers.account(),
    search: (search) => numbers.search(search),
    list: async () => Promise.all((await numbers.list()).map(withOwner)),
    async buy({ number, name, by, trunk, addressSid, bundleSid }) {
      // Before anything is paid.
      if (by === 'webhook') checkWebhookWay(config);
      const owned = await numbers.buy({
        number,
        way:
          by === 'trunk'
            ? { trunkSid: await twilio.trunkNamed(account, trunk) }
            : { voiceUrl: `${publicUrl}/twilio/voice` },
        ...(name === undefined ? {} : { name }),
        ...(addressSid === undefined ? {} : { addressSid }),
        ...(bundleSid === undefined ? {} : { bundleSid }),
      });
      await markVerified(number);
      return withOwner(owned);
    },
    async release(number, force) {
      const route = await directory.directory.route(number);
      if (route !== null && !force) {
        const sentence = `${number} is a number of organization ${route.organization.id}: take it out there first, or force it.`;
        throw new GatewayError('conflict', sentence);
      }
      await numbers.release(number);
    },
    async verify({ number, name, callDelay, extension }) {
      // Twilio calls no number that needs no proof (21449, 21450): the account's own, or one that has been proven.
      const standing = await verification(number);
      if (standing.status !== 'pending') return standing;
      const begun = await numbers.verify({
        ...{ number, callDelay },
        ...(name === undefined ? {} : { name }),
        ...(extension === undefined ? {} : { extension }),
        // Twilio refuses an address that it cannot reach.
        ...(isLoopback(new URL(publicUrl).hostname) ? {} : { statusCallback }),
      });
      return { number, ...begun };
    },
    verification,
    async setUpTrunk({ domain, origination, password, ...plan }) {
      const address = origination ?? originationOf(config, plan.secure);
      if (plan.secure && !/;transport=tls(?:;|$)/i.test(address)) {
        throw new GatewayError('bad_request', 'A secure trunk needs TLS: the origination must end in ;transport=tls.');
      }
      const report = await twilio.setUpTrunk(account, {
        ...plan,
        origination: address,
        // Twilio has each domain once in the world; one made of the account is found again.
        domain: domain ?? `voice-gateway-${accountSid.slice(-12).toLowerCase()}.pstn.twilio.com`,
        password: password ?? null,
      });
      return { ...report, origination: address, username: plan.username };
    },
    async voice(webhook) {
      const parameters = trusted(webhook);
      const to = single(parameters, 'To');
      const callSid = single(parameters, 'CallSid');
      if (to === null || !isE164(to)) {
        log.warn({ callSid }, 'A call by webhook has no number that was dialled.');
        return twilio.rejectCall();
      }
      const address = originationHere();
      if (address === null) return twilio.rejectCall();
      const uri = address.replace(/^sip:/, `sip:${to}@`);
      log.info({ callSid, called: to }, 'A call by webhook is led to the gateway.');
      return twilio.dialGateway({ uri, ringTimeout: RING, timeLimit: config.limits.maxCallDuration, statusCallback });
    },
    async status(webhook) {
      const parameters = trusted(webhook);
      const number = single(parameters, 'To');
      const code = single(parameters, 'ErrorCode');
      const fields = {
        callSid: single(parameters, 'CallSid'),
        status: single(parameters, 'CallStatus') ?? single(parameters, 'VerificationStatus'),
        sipStatus: single(parameters, 'SipResponseCode'),
        errorCode: code,
        explained: twilio.explainTwilioError(code === null ? null : Number(code)),
      };
      if (code === null) log.info(fields, 'Twilio told the state of a call.');
      else log.warn(fields, 'Twilio told of a failure.');
      // What Twilio's API says counts, not the callback.
      const proven = single(parameters, 'VerificationStatus') === 'success';
      if (proven && number !== null && isE164(number)) await verification(number);
    },
  };
};
