import {
  CreateSIPParticipantRequest,
  MoveParticipantRequest,
  MoveParticipantResponse,
  SIPParticipantInfo,
  SIPStatus,
  SIPTransferReason,
  SIPTransferStatus,
  TransferSIPParticipantRequest,
  TransferSIPParticipantResponse,
} from '@livekit/protocol';
import { z } from 'zod';
import type { Logger } from '../../core/logger.js';
import { createRateLimiter } from '../../core/rate-limit.js';
import { type LiveKitGrants, verifyLiveKitToken } from '../../platform/access/index.js';
import type { ApiDeps } from '../deps.js';
import { type RawRequest, type Reply, type Route, rawRoute } from '../http/route.js';
import { type SipFailure, sipFailure } from './sip-failure.js';
import { type Encoding, encodingOf, readMessage, TwirpFailure, twirpError, writeMessage } from './twirp.js';

export type SipTransfer = {
  readonly room: string;
  readonly identity: string;
  readonly to: string;
  readonly dialtone: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** ms; null: the destination's. */
  readonly ringTimeout: number | null;
};

export type SipCall = {
  /** `organization` or `organization/agent`; empty: whose room it is, or the only ones there are. */
  readonly trunk: string;
  readonly to: string;
  readonly from: string | null;
  readonly room: string;
  readonly identity: string;
  readonly name: string;
  readonly metadata: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly dtmf: string | null;
  readonly hideNumber: boolean;
  readonly wait: boolean;
  /** ms; null: the default. */
  readonly ringTimeout: number | null;
  readonly maxDuration: number | null;
};

/** What the gateway does for LiveKit's SIP API. Throws GatewayError. */
export type LiveKitSip = {
  /** Answers when it is decided. */
  transfer(transfer: SipTransfer): Promise<{ readonly id: string } & SipFailure>;
  create(call: SipCall): Promise<
    | {
        readonly answered: true;
        readonly participantId: string;
        readonly identity: string;
        readonly sipCallId: string;
      }
    | ({ readonly answered: false } & SipFailure)
  >;
  move(room: string, identity: string, destination: string): Promise<void>;
  /** Whose request it is, by the trunk it names or the room it is about; null when nobody's. */
  organizationOf(trunk: string, room: string): Promise<string | null>;
};

export type LiveKitFacadeParts = {
  readonly sip: LiveKitSip;
  readonly keys: { readonly apiKey: string; readonly apiSecret: string };
};

/** Requests at once and a second: an agent out of hand must keep neither the gateway nor others from their calls. */
const rates = { organization: { perSecond: 25, burst: 75 }, all: { perSecond: 100, burst: 300 } };
/** Bytes: requests are some hundred, with headers and attributes a few thousand. */
const longest = 65_536;

const milliseconds = (duration: { readonly seconds: bigint; readonly nanos: number } | undefined): number | null => {
  const ms = duration === undefined ? 0 : Number(duration.seconds) * 1_000 + duration.nanos / 1e6;
  return ms > 0 ? Math.min(ms, 86_400_000) : null;
};

/** Names, numbers and keys: what comes back in answers and log lines. */
const short = (value: string, name: string): string => {
  if (value.length > 512) throw new TwirpFailure('invalid_argument', `${name} is too long.`);
  return value;
};

const needed = (value: string, name: string): string => {
  if (value === '') throw new TwirpFailure('invalid_argument', `${name} is missing.`);
  return short(value, name);
};

const denied = (what: string): TwirpFailure =>
  new TwirpFailure('permission_denied', `The token does not allow this: it needs ${what}.`);

const needsCall = (grants: LiveKitGrants): void => {
  if (!grants.sipCall) throw denied('the grant sip.call');
};
const needsAdmin = (grants: LiveKitGrants, room: string): void => {
  if (!grants.roomAdmin || grants.room !== room) throw denied(`roomAdmin of the room ${JSON.stringify(room)}`);
};

const transfer = async (sip: LiveKitSip, request: TransferSIPParticipantRequest, grants: LiveKitGrants) => {
  const room = needed(request.roomName, 'room_name');
  needsCall(grants);
  needsAdmin(grants, room);
  const result = await sip.transfer({
    room,
    identity: needed(request.participantIdentity, 'participant_identity'),
    to: needed(request.transferTo, 'transfer_to'),
    dialtone: request.playDialtone,
    headers: request.headers,
    ringTimeout: milliseconds(request.ringingTimeout),
  });
  // An error and no answer that says so: agents of before that answer take any answer for success.
  if (result.outcome !== 'connected') throw sipFailure(result);
  return new TransferSIPParticipantResponse({
    transferId: result.id,
    status: SIPTransferStatus.STS_TRANSFER_SUCCESSFUL,
    reason: SIPTransferReason.STR_COMPLETED,
    sipStatus: new SIPStatus({ code: result.sipStatus ?? 200, status: result.reason }),
  });
};

const create = async (sip: LiveKitSip, request: CreateSIPParticipantRequest, grants: LiveKitGrants) => {
  needsCall(grants);
  if (request.trunk !== undefined || request.sipRequestUri !== undefined || request.toUserOverride !== '') {
    throw new TwirpFailure(
      'invalid_argument',
      'Trunks and request URIs of a request are not taken: calls go by the destinations of the agent and the operator’s outbound policy.',
    );
  }
  const room = needed(request.roomName, 'room_name');
  const to = needed(request.sipCallTo, 'sip_call_to');
  const result = await sip.create({
    ...{ trunk: short(request.sipTrunkId, 'sip_trunk_id'), to, room },
    from: request.sipNumber === '' ? null : short(request.sipNumber, 'sip_number'),
    identity: short(request.participantIdentity, 'participant_identity'),
    name: short(request.participantName, 'participant_name'),
    metadata: request.participantMetadata,
    attributes: request.participantAttributes,
    headers: request.headers,
    dtmf: request.dtmf === '' ? null : short(request.dtmf, 'dtmf'),
    hideNumber: request.hidePhoneNumber,
    wait: request.waitUntilAnswered,
    ringTimeout: milliseconds(request.ringingTimeout),
    maxDuration: milliseconds(request.maxCallDuration),
  });
  if (!result.answered) throw sipFailure(result);
  return new SIPParticipantInfo({
    participantId: result.participantId,
    participantIdentity: result.identity,
    roomName: room,
    sipCallId: result.sipCallId,
  });
};

const move = async (sip: LiveKitSip, request: MoveParticipantRequest, grants: LiveKitGrants) => {
  const room = needed(request.room, 'room');
  const destination = needed(request.destinationRoom, 'destination_room');
  needsAdmin(grants, room);
  if (grants.destinationRoom !== destination) throw denied(`destinationRoom ${JSON.stringify(destination)}`);
  await sip.move(room, needed(request.identity, 'identity'), destination);
  return new MoveParticipantResponse();
};

/**
 * The methods of LiveKit's SIP service (and of its room service, for telephones of ours) that agents call during a call.
 * A reverse proxy sends them here and everything else to livekit-server, so that an agent needs no change.
 */
export const livekitRoutes = (
  deps: Pick<ApiDeps, 'clock' | 'log'>,
  { sip, keys }: LiveKitFacadeParts,
): readonly Route[] => {
  const limiter = createRateLimiter(deps.clock);
  const admit = async (trunk: string, room: string): Promise<void> => {
    const organization = await sip.organizationOf(trunk, room);
    if (limiter.take(`of ${organization ?? ''}`, rates.organization) > 0 || limiter.take('all', rates.all) > 0) {
      throw new TwirpFailure('resource_exhausted', 'Too many requests at once.');
    }
  };
  const route = (
    method: string,
    summary: string,
    answer: (bytes: Buffer, encoding: Encoding, grants: LiveKitGrants) => Promise<Reply>,
  ): Route =>
    rawRoute({
      method: 'post',
      path: `/twirp/livekit.${method}`,
      summary,
      tag: 'LiveKit SIP API',
      body: { documented: z.record(z.string(), z.unknown()), maxBytes: longest },
      replies: {
        200: { description: "The method's answer.", contentTypes: ['application/json', 'application/protobuf'] },
      },
      errors: [
        'bad_request',
        'unauthorized',
        'forbidden',
        'not_found',
        'conflict',
        'outbound_limit',
        'organization_limit',
      ],
      failure: (error) => {
        const { status, body } = twirpError(error);
        return { status, body, headers: { 'Content-Type': 'application/json' } };
      },
      async handle({ headers, bytes, log }) {
        try {
          const grants = await verifyLiveKitToken(bearerOf(headers), keys, deps.clock.now());
          const encoding = encodingOf(headers['content-type']);
          return await answer(bytes, encoding, grants);
        } catch (error) {
          return refuse(error, method, log);
        }
      },
    });
  return [
    route('SIP/TransferSIPParticipant', 'Transfers the caller in a room', async (bytes, encoding, grants) => {
      const request = readMessage(TransferSIPParticipantRequest, encoding, bytes);
      await admit('', request.roomName);
      return writeMessage(await transfer(sip, request, grants), encoding);
    }),
    route('SIP/CreateSIPParticipant', 'Calls somebody into a room', async (bytes, encoding, grants) => {
      const request = readMessage(CreateSIPParticipantRequest, encoding, bytes);
      await admit(request.sipTrunkId, request.roomName);
      return writeMessage(await create(sip, request, grants), encoding);
    }),
    route(
      'RoomService/MoveParticipant',
      'Moves a telephone of ours to another room',
      async (bytes, encoding, grants) => {
        const request = readMessage(MoveParticipantRequest, encoding, bytes);
        await admit('', request.room);
        return writeMessage(await move(sip, request, grants), encoding);
      },
    ),
  ];
};

const bearerOf = (headers: RawRequest['headers']): string | null =>
  /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1] ?? null;

const refuse = (error: unknown, method: string, log: Logger): Reply => {
  const { code, ...reply } = twirpError(error);
  if (code === 'internal' && !(error instanceof TwirpFailure))
    log.error({ err: error, method }, 'a LiveKit request failed');
  else log.info({ method, code, reason: error instanceof Error ? error.message : '' }, 'a LiveKit request was refused');
  return reply;
};
