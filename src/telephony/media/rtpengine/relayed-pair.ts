import { GatewayError } from '../../../core/errors.js';
import type { RelayedPair, RelayRequest, RelaySide } from '../../../domain/calls/relay-ports.js';
import type { BencodeDictionary } from './bencode.js';
import { type CallFigures, readCallFigures } from './call-figures.js';
import type { NgResult } from './ng-client.js';
import type { NgServer } from './ng-server.js';
import { commonCodecs, inOurPlace, type Party, partySdp, readParty } from './party.js';

export type PairSide = 'caller' | 'destination';
const otherOf = { caller: 'destination', destination: 'caller' } as const;

/** Both sides as the relay shall know them. */
export type Parties = Readonly<Record<PairSide, Party>>;

/**
 * Where keys stay the same, a packet's number includes how often its sequence number has begun anew, which no description
 * tells (RFC 3711 section 3.3.1). rtpengine finds it out for the first time only; at 50 packets a second that lasts for
 * 21 minutes at least, ms.
 */
const longestSrtp = 20 * 60_000;

/** What a pair is made of; a text says why these two cannot be relayed. */
export const readParties = ({ caller, destination, age }: RelayRequest): Parties | string => {
  const a = readParty(caller, caller.codecs);
  if (typeof a === 'string') return `the caller ${a}`;
  const b = readParty(destination, destination.codecs);
  if (typeof b === 'string') return `the destination ${b}`;
  if (a.address.family !== b.address.family) return 'one side speaks IPv4 and the other IPv6';
  if (age > longestSrtp && (a.crypto ?? b.crypto) !== null) return 'their SRTP has run for too long';
  const common = commonCodecs(a, b);
  if (common.codecs.length === 0) return 'they have no codec in common';
  return { caller: common, destination: commonCodecs(b, a) };
};

/** A call at one rtpengine. */
export type OpenedPair = RelayedPair & {
  readonly server: NgServer;
  /** Asks for the call; null when rtpengine did not answer, `gone` when it does not know the call. */
  look(): Promise<CallFigures | 'gone' | null>;
};

type State = {
  readonly parties: Record<PairSide, Party>;
  /** What each side was or will be told in our name. */
  readonly told: Record<PairSide, string | null>;
  /** Both sides have been told. */
  complete: boolean;
  version: number;
};

const fail = (result: NgResult & { readonly ok: false }): GatewayError =>
  new GatewayError('not_available', `rtpengine: ${result.reason}.`);

/** Suites that we would not offer a peer (srtp/suite.ts), in the words of rtpengine. */
const unwanted = [
  ...['AEAD_AES_256_GCM', 'AEAD_AES_128_GCM', 'AES_256_CM_HMAC_SHA1_80', 'AES_256_CM_HMAC_SHA1_32'],
  ...['AES_192_CM_HMAC_SHA1_80', 'AES_192_CM_HMAC_SHA1_32', 'F8_128_HMAC_SHA1_80', 'F8_128_HMAC_SHA1_32'],
  ...['NULL_HMAC_SHA1_80', 'NULL_HMAC_SHA1_32'],
].map((suite) => `no-${suite}`);

/** Same media, whatever else the description says. */
const same = (a: Party, b: Party): boolean => partySdp(a, 0) === partySdp(b, 0);

/**
 * Sets a call up at this rtpengine: the caller's media is what it is offered and the destination's what it is answered,
 * whoever of them called. Neither side has been told when this resolves.
 */
export const openPair = async (
  server: NgServer,
  callId: string,
  request: RelayRequest,
  parties: Parties,
): Promise<OpenedPair | (NgResult & { readonly ok: false })> => {
  const state: State = {
    parties: { ...parties },
    told: { caller: null, destination: null },
    complete: false,
    version: 0,
  };
  let figures: CallFigures | null = null;
  let closing: Promise<void> | null = null;
  const call = { 'call-id': callId, 'from-tag': 'caller' };

  /** Tells rtpengine of one side's media and keeps what the other side is to be told. */
  const describe = async (command: 'offer' | 'answer', options: BencodeDictionary): Promise<NgResult> => {
    const of = command === 'offer' ? 'caller' : 'destination';
    const to = otherOf[of];
    state.version += 1;
    const result = await server.request(command, {
      ...{ ...call, ...options },
      sdp: partySdp(state.parties[of], state.version),
      ICE: 'remove',
      'rtcp-mux': ['reject'],
    });
    const sdp = result.ok ? result.reply.get('sdp') : null;
    if (result.ok && typeof sdp === 'string') {
      try {
        state.told[to] = inOurPlace(request[to].ours, sdp);
        return result;
      } catch {
        // As good as an error of its own.
      }
    }
    return result.ok ? { ok: false, why: 'refused', reason: 'an answer without a usable description' } : result;
  };
  const offer = (options: BencodeDictionary = {}): Promise<NgResult> =>
    describe('offer', {
      'transport-protocol': state.parties.destination.crypto === null ? 'RTP/AVP' : 'RTP/SAVP',
      DTLS: 'off',
      SDES: unwanted,
      replace: ['origin', 'session-connection'],
      ...options,
    });
  const answer = (): Promise<NgResult> => describe('answer', { 'to-tag': 'destination' });

  const must = async (work: Promise<NgResult>): Promise<void> => {
    const result = await work;
    if (!result.ok) throw fail(result);
  };

  /** The side as it describes itself now; throws when that is nothing a relay can do. */
  const described = (side: PairSide, theirs: string): Party => {
    const { codecs } = request[side];
    const ours = state.told[side] ?? request[side].ours;
    const read = readParty({ ours, theirs }, codecs);
    if (typeof read === 'string') throw new GatewayError('not_available', `The ${side} ${read}.`);
    const party = commonCodecs(read, state.parties[otherOf[side]]);
    if (party.codecs.length === 0) throw new GatewayError('not_available', `The ${side} answered with another codec.`);
    return party;
  };

  const accept = async (side: PairSide, theirs: string): Promise<void> => {
    const party = described(side, theirs);
    const first = state.told.caller === null;
    if (!first && same(party, state.parties[side])) {
      state.complete = true;
      return;
    }
    state.parties[side] = party;
    // The destination is moved first: with its answer rtpengine can say what the caller is to be told.
    if (first) return must(answer());
    // Ports and keys of the relay stay as they were, so that the other side need not be told anything.
    await must(offer({ 'to-tag': 'destination' }));
    await must(answer());
    state.complete = true;
  };

  const side = (name: PairSide): RelaySide => ({
    async offer() {
      const told = state.told[name];
      if (told === null) throw new GatewayError('internal', `The ${name} is offered a relay before there is one.`);
      return told;
    },
    accept: (theirs) => accept(name, theirs),
    async answer(theirs) {
      const told = state.told[name];
      if (!state.complete || told === null) return null;
      const party = readParty({ ours: told, theirs }, request[name].codecs);
      return typeof party !== 'string' && same(commonCodecs(party, state.parties[otherOf[name]]), state.parties[name])
        ? told
        : null;
    },
    figures: () => ({
      packetsReceived: figures?.packets.get(name) ?? 0,
      packetsSent: figures?.packets.get(otherOf[name]) ?? 0,
    }),
  });

  const opened = await offer();
  if (!opened.ok) return opened;
  return {
    server,
    relay: server.name,
    caller: side('caller'),
    destination: side('destination'),
    async look() {
      const result = await server.request('query', { 'call-id': callId });
      if (!result.ok) return result.why === 'refused' ? 'gone' : null;
      figures = readCallFigures(result.reply);
      return figures;
    },
    close() {
      closing ??= (async () => {
        if (!server.up()) return;
        // Its default would keep the ports for half a minute.
        const result = await server.request('delete', { ...call, 'delete delay': 0 }, { timeoutMs: 500 });
        if (result.ok) figures = readCallFigures(result.reply);
      })();
      return closing;
    },
  };
};
