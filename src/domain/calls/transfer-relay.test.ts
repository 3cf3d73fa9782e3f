import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../core/errors.js';
import { silentLogger } from '../../core/logger.js';
import { manualClock } from '../../core/manual-clock.js';
import type { OwnedSession } from '../sessions/ports.js';
import type { Dialog, MediaLeg, ProfileRules } from './ports.js';
import type { MediaRelay, RelayEvents, RelaySide } from './relay-ports.js';
import type { TransferLeg } from './transfer-leg.js';
import { callRelay } from './transfer-relay.js';

const rules = { codecs: ['PCMU'], idleTimeout: 60_000 } as unknown as ProfileRules;
/** Lets everything that waits for promises go on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

type Side = 'caller' | 'destination';

/** A connected call without a socket. `offers` is what the two were offered, in order. */
const setUp = (options: { recorded?: boolean } = {}) => {
  const clock = manualClock();
  const notes: string[] = [];
  const results: string[] = [];
  const dispatched: string[] = [];
  const offers: string[] = [];
  const opened: { readonly events: RelayEvents; readonly name: string; closed: boolean }[] = [];
  /** What the next relay is, or why there is none. */
  let available: 'yes' | 'unreachable' | 'unfit' = 'yes';
  /** What a side makes of an offer. */
  let onOffer: (side: Side, offer: string, again: () => Promise<string>) => Promise<string> | string = (side) =>
    `${side}'s answer`;
  /** Whether a relay can answer an offer of a peer. */
  let fits = true;
  const lent: Record<Side, RelaySide | null> = { caller: null, destination: null };

  const leg = (side: Side): MediaLeg =>
    ({
      agreed: () => ({ ours: `${side} ours`, theirs: `${side} theirs` }),
      lend: async (relay: RelaySide | null) => {
        lent[side] = relay;
      },
      offer: async () => (await lent[side]?.offer()) ?? `gateway to ${side}`,
      accept: async (answer: string) => lent[side]?.accept(answer),
    }) as unknown as MediaLeg;
  const dialog = (side: Side): Dialog =>
    ({
      modify: async (make: () => Promise<string>) => {
        const attempt = async (): Promise<string> => {
          const offer = await make();
          offers.push(offer);
          return onOffer(side, offer, attempt);
        };
        return attempt();
      },
    }) as unknown as Dialog;

  const side = (relay: string, name: Side): RelaySide => ({
    offer: async () => `${relay} to ${name}`,
    accept: async () => {},
    answer: async () => (fits ? `${relay} again` : null),
    figures: () => ({ packetsSent: 0, packetsReceived: 0 }),
  });
  const media: MediaRelay = {
    open: async (_request, events) => {
      if (available !== 'yes') return { refused: available, reason: 'why' };
      const name = `relay${opened.length + 1}`;
      const entry = { events, name, closed: false };
      opened.push(entry);
      return {
        relay: name,
        caller: side(name, 'caller'),
        destination: side(name, 'destination'),
        close: async () => {
          entry.closed = true;
        },
      };
    },
  };
  const line = { media: leg('destination'), dialog: dialog('destination'), profile: rules } as unknown as TransferLeg;
  const callerDialog = dialog('caller');
  const relay = callRelay(
    { relay: { media, moved: (result) => void results.push(result) }, clock },
    {
      session: {
        id: 's',
        snapshot: { answeredAt: 0 },
        note: (type: string) => void notes.push(type),
      } as unknown as OwnedSession,
      leg: leg('caller'),
      callerProfile: rules,
      callerDialog: () => callerDialog,
      dispatch: ({ type }) => void dispatched.push(type),
      recorded: () => options.recorded === true,
      log: silentLogger,
    },
  );
  return {
    ...{ clock, notes, results, dispatched, offers, opened, lent, relay },
    /** Until the pause behind the join, or behind a hold, is over and everybody has been moved. */
    moved: async () => {
      clock.advance(1_000);
      await settle();
      await relay.settled();
    },
    begin: () => relay.begin(line),
    available: (next: typeof available) => {
      available = next;
    },
    onOffer: (next: typeof onOffer) => {
      onOffer = next;
    },
    fits: (next: boolean) => {
      fits = next;
    },
  };
};

const relayed = async (...given: Parameters<typeof setUp>) => {
  const call = setUp(...given);
  call.begin();
  await call.moved();
  expect(call.results).toEqual(['relayed']);
  call.offers.length = 0;
  return call;
};

const refuse = (): never => {
  throw new GatewayError('sip_refused', 'The re-INVITE was refused: 488.');
};

describe('a connected call and its relay', () => {
  it('moves the destination first, since its answer says what the caller can be offered', async () => {
    const call = setUp();
    call.begin();
    await settle();
    expect(call.offers).toEqual([]);
    await call.moved();
    expect(call.offers).toEqual(['relay1 to destination', 'relay1 to caller']);
    expect(call.notes).toEqual(['media.relayed']);
  });

  it.each(['unreachable', 'unfit'] as const)('stays when a relay is %s, and says why', async (why) => {
    const call = setUp();
    call.available(why);
    call.begin();
    await call.moved();
    expect(call).toMatchObject({ offers: [], notes: ['media.kept'], results: [why], dispatched: [] });
  });

  it('comes back when a recording begins, and stays', async () => {
    const options = { recorded: false };
    const call = await relayed(options);
    await call.relay.gather();
    expect(call.offers).toEqual(expect.arrayContaining(['gateway to destination', 'gateway to caller']));
    expect(call.notes).toEqual(['media.relayed', 'media.returned']);
    call.relay.held('caller', true);
    call.relay.held('caller', false);
    await call.moved();
    expect(call.opened).toHaveLength(1);
    expect(call.dispatched).toEqual([]);
  });

  it('stays when a recording begins between the join and the move', async () => {
    const options = { recorded: false };
    const call = setUp(options);
    call.begin();
    options.recorded = true;
    await call.moved();
    expect(call.opened).toHaveLength(0);
  });

  it('stays when it is recorded', async () => {
    const call = setUp({ recorded: true });
    call.begin();
    await call.moved();
    expect(call).toMatchObject({ offers: [], opened: [], notes: ['media.kept'], results: ['recorded'] });
  });

  it('an offer of a side that meets ours and brings it home is not answered with the relay again', async () => {
    const call = setUp();
    let met = false;
    call.onOffer(async (side, _offer, again) => {
      if (side === 'destination' || met) return 'an answer';
      // 491 to ours; theirs, which no relay can answer, comes before ours goes out once more.
      met = true;
      call.fits(false);
      expect(await call.lent.caller?.answer('hold')).toBeNull();
      call.lent.caller = null;
      call.fits(true);
      return again();
    });
    call.begin();
    await call.moved();
    expect(call.offers).toEqual(['relay1 to destination', 'relay1 to caller', 'gateway to destination']);
    expect(call.results).toEqual(['returned']);
    expect(call.dispatched).toEqual([]);
    // And the move is tried anew.
    await call.moved();
    expect(call.results).toEqual(['returned', 'relayed']);
  });

  it.each<[Side, readonly string[]]>([
    ['destination', ['relay1 to destination']],
    ['caller', ['relay1 to destination', 'relay1 to caller', 'gateway to destination']],
  ])('is taken back when the %s refuses, and not moved again', async (who, offers) => {
    const call = setUp();
    call.onOffer((side, offer) => (side === who && offer.startsWith('relay') ? refuse() : 'an answer'));
    call.begin();
    await call.moved();
    expect(call.offers).toEqual(offers);
    expect(call.lent).toEqual({ caller: null, destination: null });
    expect(call.opened[0]?.closed).toBe(true);
    expect(call.results).toEqual(['refused', 'returned']);
    call.relay.held('caller', true);
    call.relay.held('caller', false);
    await call.moved();
    expect(call.opened).toHaveLength(1);
    expect(call.dispatched).toEqual([]);
  });

  it('goes to another relay when its own is gone', async () => {
    const call = await relayed();
    call.opened[0]?.events.lost('unreachable');
    await call.moved();
    expect(call.offers).toEqual(['relay2 to destination', 'relay2 to caller']);
    expect(call.results).toEqual(['relayed', 'lost', 'relayed']);
    expect(call.notes).toEqual(['media.relayed', 'media.lost', 'media.relayed']);
  });

  it('comes back to the gateway when no other relay is there', async () => {
    const call = await relayed();
    call.available('unreachable');
    call.opened[0]?.events.lost('unreachable');
    await call.moved();
    expect([...call.offers].sort()).toEqual(['gateway to caller', 'gateway to destination']);
    expect(call.notes).toEqual(['media.relayed', 'media.lost', 'media.kept', 'media.returned']);
    expect(call.dispatched).toEqual([]);
  });

  it('ends when a side does not come back from a relay that is gone', async () => {
    const call = await relayed();
    call.available('unreachable');
    call.onOffer((side) => (side === 'caller' ? refuse() : 'an answer'));
    call.opened[0]?.events.lost('forgotten');
    await call.moved();
    expect(call.dispatched).toEqual(['media-failed']);
  });

  it('is lost while the caller is being moved: the loss is dealt with behind that', async () => {
    const call = setUp();
    call.onOffer((side) => {
      if (side === 'caller' && call.opened.length === 1) call.opened[0]?.events.lost('unreachable');
      return 'an answer';
    });
    call.begin();
    await call.moved();
    expect(call.results).toEqual(['relayed', 'lost', 'relayed']);
    expect(call.offers.slice(2)).toEqual(['relay2 to destination', 'relay2 to caller']);
  });

  it("is the gateway's while a side holds, and the relay's again after a pause", async () => {
    const call = await relayed();
    call.fits(false);
    // The destination's re-INVITE: the leg answers itself, so that only the caller has to be told.
    expect(await call.lent.destination?.answer('hold')).toBeNull();
    call.relay.held('destination', true);
    await call.moved();
    expect(call.offers).toEqual(['gateway to caller']);
    expect(call.opened[0]?.closed).toBe(true);
    call.relay.held('destination', false);
    await call.moved();
    expect(call.offers.slice(1)).toEqual(['relay2 to destination', 'relay2 to caller']);
    expect(call.results).toEqual(['relayed', 'returned', 'relayed']);
  });

  it('answers a refresh with the words of the relay and moves nobody', async () => {
    const call = await relayed();
    expect(await call.lent.caller?.answer('the same')).toBe('relay1 again');
    await call.moved();
    expect(call.offers).toEqual([]);
  });

  it('stays with the gateway in the end when a peer answers every move with an offer of its own', async () => {
    const call = await relayed();
    call.fits(false);
    for (let round = 0; round < 20; round += 1) {
      await call.lent.caller?.answer('an offer of mine');
      await settle();
      await call.moved();
    }
    expect(call.opened).toHaveLength(5);
    expect(call.lent).toEqual({ caller: null, destination: null });
  });

  it('says so when a side has fallen silent', async () => {
    const call = await relayed();
    call.opened[0]?.events.silent('caller');
    expect(call).toMatchObject({ notes: ['media.relayed', 'media.lost'], dispatched: ['media-lost'] });
  });

  it('that ends moves nobody any more, and frees the relay behind the BYEs', async () => {
    const call = await relayed();
    let said: () => void = () => {};
    const ending = call.relay.end(
      new Promise<void>((resolve) => {
        said = resolve;
      }),
    );
    call.opened[0]?.events.lost('unreachable');
    await settle();
    expect(call.opened[0]?.closed).toBe(false);
    said();
    await ending;
    expect(call.opened[0]?.closed).toBe(true);
    expect(call).toMatchObject({ offers: [], dispatched: [], results: ['relayed'] });
  });

  it('that ends before its time has come is never moved', async () => {
    const call = setUp();
    call.begin();
    await call.relay.end(Promise.resolve());
    await call.moved();
    expect(call).toMatchObject({ offers: [], opened: [] });
  });

  it('that ends while it is being moved frees what was opened', async () => {
    const call = setUp();
    let answer: (sdp: string) => void = () => {};
    call.onOffer(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    call.begin();
    call.clock.advance(1_000);
    await settle();
    expect(call.offers).toEqual(['relay1 to destination']);
    await call.relay.end(Promise.resolve());
    answer('late');
    await settle();
    expect(call.opened[0]?.closed).toBe(true);
    expect(call).toMatchObject({ dispatched: [], results: [] });
  });
});
