import { AccessToken, RoomAgentDispatch, RoomConfiguration } from 'livekit-server-sdk';

export type LiveKitServer = { readonly url: string; readonly apiKey: string; readonly apiSecret: string };

/** A caller as a room gets to know it. */
export type SipParticipant = {
  readonly room: string;
  readonly identity: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly metadata?: string;
  /** The agent that LiveKit calls into the room when this participant creates it. Its metadata reaches the agent alone. */
  readonly dispatch: { readonly agentName: string; readonly metadata: string } | null;
};

/** Longest call a token is good for; LiveKit renews it while the connection lasts. */
const lifetime = '24h';

/** The token of a participant of kind SIP, with what LiveKit's own SIP service is granted. */
export const participantToken = (server: LiveKitServer, participant: SipParticipant): Promise<string> => {
  const token = new AccessToken(server.apiKey, server.apiSecret, {
    identity: participant.identity,
    name: participant.name,
    attributes: { ...participant.attributes },
    ...(participant.metadata === undefined ? {} : { metadata: participant.metadata }),
    ttl: lifetime,
  });
  token.kind = 'sip';
  token.addGrant({
    roomJoin: true,
    room: participant.room,
    canPublish: true,
    canSubscribe: true,
    canPublishData: true,
    // For sip.callStatus, which changes during the call.
    canUpdateOwnMetadata: true,
  });
  const { dispatch } = participant;
  if (dispatch !== null) token.roomConfig = new RoomConfiguration({ agents: [new RoomAgentDispatch(dispatch)] });
  return token.toJwt();
};
