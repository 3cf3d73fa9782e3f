import type { Clock } from '../../core/clock.js';
import { GatewayError, isGatewayError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { Tracer } from '../../core/tracing.js';
import type { Vault } from '../../platform/vault/index.js';
import { credentialScopes, type Directory, type Organization, type ZendeskSettings } from '../directory/index.js';
import type { MatchRequest, MatchResult } from '../sessions/index.js';
import { usablePhone } from './phone.js';
import type {
  AfterStamp,
  DeliveryLog,
  EnrichmentState,
  MatchStore,
  PrefetchResult,
  TicketCallReader,
} from './ports.js';
import type { PrefetchIdentity, PrefetchKeys } from './prefetch-keys.js';
import { isCallChannel, overflowTag, type PrefetchPayload, readPrefetchPayload } from './prefetch-payload.js';
import { checkSignature } from './signature.js';

/** ms that `?wait=1` waits for the enrichment. */
const WAIT = 5_000;

export type PrefetchRequest = {
  readonly token: string;
  readonly body: Buffer;
  /** `x-zendesk-webhook-invocation-id`. */
  readonly invocation: string | null;
  readonly signature: string | undefined;
  readonly timestamp: string | undefined;
  /** Wait for the enrichment, up to 5 s. */
  readonly wait: boolean;
  readonly signal: AbortSignal;
};

/** The answer with status 200; every other one is a GatewayError. */
export type PrefetchAnswer = {
  readonly success: boolean;
  readonly message: string;
  readonly sessionId?: string;
  readonly ticketId?: string;
  readonly match?: string;
  readonly enrichment?: EnrichmentState;
};

export type PrefetchDeps = {
  readonly keys: PrefetchKeys;
  readonly directory: Pick<Directory, 'organization'>;
  readonly sessions: MatchStore;
  readonly vault: Vault;
  readonly readTicketCall: TicketCallReader;
  readonly after: AfterStamp;
  readonly deliveries: DeliveryLog;
  readonly count: (result: PrefetchResult) => void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tracer: Tracer;
};

export type Prefetch = {
  /**
   * Takes one webhook. Throws GatewayError: unauthorized, bad_request, store_unavailable, zendesk_unavailable.
   */
  receive(request: PrefetchRequest): Promise<PrefetchAnswer>;
};

type Connected = Organization & { readonly zendesk: ZendeskSettings };
type Phones = MatchRequest['phones'];

const invocationForm = /^[!-~]{1,128}$/;

const disconnected = (): GatewayError =>
  new GatewayError(
    'unauthorized',
    'The webhook address is not valid: its organization is gone or not connected to Zendesk.',
  );

const phonesOf = (organization: Connected, caller: string | null, requester: string | null): Phones => {
  const { defaultCountry, zendesk } = organization;
  const shared = new Set([...zendesk.sharedNumbers, ...zendesk.talkNumbers]);
  const given = [
    { as: 'caller_phone', text: caller },
    { as: 'requester_phone', text: requester },
  ] as const;
  return given.flatMap(({ as, text }) => {
    const e164 = usablePhone(text, defaultCountry);
    return e164 === null ? [] : [{ e164, as, shared: shared.has(e164) }];
  });
};

const talkOf = ({ zendesk }: Connected): MatchRequest['talk'] =>
  zendesk.matchByTalkNumber && zendesk.talkNumbers.length > 0
    ? { numbers: zendesk.talkNumbers, window: zendesk.talkMatchWindow * 1_000 }
    : null;

const names = (phones: Phones): string => [...new Set(phones.map(({ e164 }) => e164))].join(' or ');

/** What the outcome of a match says, in one sentence. */
const answerOf = (match: MatchResult, ticketId: string, phones: Phones, hold: number): PrefetchAnswer => {
  const whom = phones.length === 0 ? 'a Talk number within the window' : names(phones);
  switch (match.result) {
    case 'stamped': {
      const { sessionId, match: by, candidates } = match;
      const more = candidates > 1 ? `, the newest of ${candidates} live sessions of this caller` : '';
      const message = `Ticket ${ticketId} is stamped on session ${sessionId}${more}.`;
      return { success: true, message, sessionId, ticketId, match: by };
    }
    case 'already':
    case 'replayed': {
      const { sessionId, match: by } = match;
      const message = `Session ${sessionId} already carries ticket ${ticketId}.`;
      return { success: true, message, sessionId, ticketId, match: by };
    }
    case 'other': {
      const { sessionId, ticketId: there, match: by } = match;
      const message = `Session ${sessionId} already carries ticket ${there}, so ticket ${ticketId} was not stamped.`;
      return { success: false, message, sessionId, ticketId: there, match: by };
    }
    case 'ambiguous': {
      const which =
        match.match === 'talk_number' ? 'under a Talk number within the window' : `of the shared number ${whom}`;
      const message = `${match.candidates} live sessions ${which} could be meant, so ticket ${ticketId} was not stamped.`;
      return { success: false, message, ticketId };
    }
    case 'held':
      return {
        success: false,
        message: `There is no live phone session for ${whom} yet; ticket ${ticketId} is kept for ${hold} s and stamped when the call arrives.`,
        ticketId,
      };
    case 'none':
      return { success: false, message: `There is no live phone session for ${whom}.`, ticketId };
    case 'revoked':
      throw new GatewayError(
        'unauthorized',
        'The webhook address is not valid: it was replaced. Copy the current one from the dashboard.',
      );
  }
};

const counted: Record<MatchResult['result'], PrefetchResult> = {
  stamped: 'stamped',
  already: 'already',
  replayed: 'already',
  other: 'refused',
  ambiguous: 'ambiguous',
  held: 'held',
  none: 'no-match',
  revoked: 'refused',
};

export const createPrefetch = (deps: PrefetchDeps): Prefetch => {
  const { keys, directory, sessions, vault, clock, log } = deps;

  const connectedOrganization = async (orgId: string): Promise<Connected> => {
    const organization = await directory.organization(orgId);
    if (organization === null || organization.zendesk === null) throw disconnected();
    return { ...organization, zendesk: organization.zendesk };
  };

  const checkSigned = (organization: Connected, request: PrefetchRequest): void => {
    const sealed = organization.zendesk.webhookSigningSecret?.sealed;
    if (sealed === undefined) return;
    const secret = vault.open(credentialScopes.zendeskSigningSecret(organization.id), sealed);
    checkSignature(secret, request, request.body, clock.now());
  };

  type Question = { readonly ticketId: string; readonly phones: Phones } | { readonly declined: string };

  const questionOf = async (
    organization: Connected,
    payload: PrefetchPayload,
    signal: AbortSignal,
  ): Promise<Question> => {
    const { ticketId } = payload;
    if (payload.kind === 'trigger') {
      return { ticketId, phones: phonesOf(organization, payload.callerPhone, payload.requesterPhone) };
    }
    if (payload.type !== 'zen:event-type:ticket.created') return { declined: `Events ${payload.type} are not used.` };
    if (payload.tags.includes(overflowTag)) {
      return { declined: `Ticket ${ticketId} is tagged ${overflowTag}: its call has ended.` };
    }
    if (isCallChannel(payload.channel) === false) {
      return { declined: `Ticket ${ticketId} came by ${payload.channel}, not by telephone.` };
    }
    const call = await deps.readTicketCall(organization.id, payload, signal);
    if (call.kind === 'not-a-call') return { declined: call.why };
    return { ticketId, phones: phonesOf(organization, call.callerPhone, call.requesterPhone) };
  };

  const handle = async (identity: PrefetchIdentity, request: PrefetchRequest): Promise<PrefetchAnswer> => {
    const organization = await connectedOrganization(identity.orgId);
    checkSigned(organization, request);
    const payload = readPrefetchPayload(request.body);
    // Only the match below looks at the guard in its own step; everything before it that answers must ask.
    if (payload.kind === 'event' && !(await keys.stands(identity))) answerOf({ result: 'revoked' }, '', [], 0);
    const question = await questionOf(organization, payload, request.signal);
    if ('declined' in question) {
      deps.count('refused');
      return { success: false, message: question.declined, ticketId: payload.ticketId };
    }
    const { ticketId, phones } = question;
    const talk = talkOf(organization);
    if (phones.length === 0 && talk === null) {
      throw new GatewayError('bad_request', 'Neither caller_phone nor requester_phone is a usable telephone number.', {
        details: ['caller_phone', 'requester_phone'].map((path) => ({ path, message: 'is not a usable number' })),
      });
    }
    const { holdEarlyPrefetch, notes, talkNumbers } = organization.zendesk;
    const match = await sessions.stampMatching(organization.id, {
      guard: identity.guard,
      at: clock.now(),
      ticketId,
      subject: payload.subject,
      invocation: request.invocation !== null && invocationForm.test(request.invocation) ? request.invocation : null,
      phones,
      talk,
      talkCaller: phones.find(({ e164 }) => !talkNumbers.includes(e164))?.e164 ?? null,
      hold: holdEarlyPrefetch * 1_000,
      notes,
    });
    deps.count(counted[match.result]);
    const answer = answerOf(match, ticketId, phones, holdEarlyPrefetch);
    if (answer.success) deps.after.wake(organization.id);
    if (!answer.success || !request.wait || answer.sessionId === undefined) return answer;
    return {
      ...answer,
      enrichment: await deps.after.settled(organization.id, answer.sessionId, WAIT, request.signal),
    };
  };

  /** Which call a webhook was for is known when it has been answered. */
  const trace = ({ sessionId, success, match }: PrefetchAnswer, at: number): void => {
    if (sessionId === undefined) return;
    const fields = { 'prefetch.stamped': success, ...(match === undefined ? {} : { 'prefetch.match': match }) };
    deps.tracer.part('prefetch', sessionId, { fields, at }).end();
  };

  return {
    async receive(request) {
      const begun = clock.monotonic();
      const at = clock.now();
      const identity = await keys.verify(request.token).catch((error: unknown) => {
        deps.count(isGatewayError(error, 'unauthorized') ? 'refused' : 'error');
        throw error;
      });
      const record = (status: number, answer: PrefetchAnswer, ticketId: string | null): void => {
        deps.deliveries.add(identity.orgId, {
          at: clock.now(),
          status,
          success: answer.success,
          message: answer.message,
          ticketId,
          sessionId: answer.sessionId ?? null,
          invocation: request.invocation?.slice(0, 128) ?? null,
          took: Math.round(clock.monotonic() - begun),
        });
      };
      try {
        const answer = await handle(identity, request);
        record(200, answer, answer.ticketId ?? null);
        trace(answer, at);
        return answer;
      } catch (error) {
        const known = isGatewayError(error) ? error : null;
        deps.count(known !== null && known.status < 500 ? 'refused' : 'error');
        record(known?.status ?? 500, { success: false, message: known?.message ?? 'The gateway failed.' }, null);
        log.warn({ organization: identity.orgId, err: error }, 'A prefetch webhook was not answered with success.');
        throw error;
      }
    },
  };
};
