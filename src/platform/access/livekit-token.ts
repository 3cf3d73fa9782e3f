import { errors, jwtVerify } from 'jose';
import { GatewayError } from '../../core/errors.js';

/** What a LiveKit access token lets its bearer do, as far as the gateway looks (docs.livekit.io, "Access tokens and grants"). */
export type LiveKitGrants = {
  readonly identity: string | null;
  /** The room that the room grants speak of. */
  readonly room: string | null;
  readonly destinationRoom: string | null;
  readonly roomAdmin: boolean;
  readonly sipCall: boolean;
};

const LONGEST = 8_192;
/** Seconds two clocks may differ. */
const CLOCK_TOLERANCE = 5;

const refused = (why: string, cause?: unknown): GatewayError =>
  new GatewayError('unauthorized', `The LiveKit token is not valid: ${why}.`, cause === undefined ? {} : { cause });

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {};
const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

/**
 * Verifies a token as livekit-server does: HS256 with the secret of the API key that issued it, and not expired. Throws
 * GatewayError unauthorized.
 */
export const verifyLiveKitToken = async (
  token: string | null,
  keys: { readonly apiKey: string; readonly apiSecret: string },
  now: number,
): Promise<LiveKitGrants> => {
  if (token === null) throw refused('there is none: send `Authorization: Bearer …`');
  if (token.length > LONGEST) throw refused('it is too long');
  try {
    const { payload } = await jwtVerify(token, new TextEncoder().encode(keys.apiSecret), {
      algorithms: ['HS256'],
      issuer: keys.apiKey,
      requiredClaims: ['exp', 'iss'],
      clockTolerance: CLOCK_TOLERANCE,
      currentDate: new Date(now),
    });
    const video = record(payload.video);
    return {
      identity: text(payload.sub),
      room: text(video.room),
      destinationRoom: text(video.destinationRoom),
      roomAdmin: video.roomAdmin === true,
      sipCall: record(payload.sip).call === true,
    };
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw refused('it has expired', error);
    if (error instanceof errors.JWTClaimValidationFailed)
      throw refused('it is of another API key or lacks a claim', error);
    throw refused('its signature does not fit', error);
  }
};
