/** A number for sale. */
export type TwilioOffer = {
  readonly number: string;
  readonly name: string;
  readonly place: string | null;
  readonly country: string;
  readonly voice: boolean;
  readonly address: string;
};

/** A number of the account, and where its calls end up here; null when no organization has it. */
export type TwilioNumberView = {
  readonly number: string;
  readonly sid: string;
  readonly name: string;
  readonly trunkSid: string | null;
  readonly voiceUrl: string | null;
  readonly organization: string | null;
  readonly agent: string | null;
  readonly verified: boolean | null;
};

export type TwilioVerification = {
  readonly number: string;
  /** `owned`: bought in the account; `verified`: proven by the code; `pending`: neither, so far. */
  readonly status: 'owned' | 'verified' | 'pending';
  readonly organization: string | null;
  /** Whether calls to and from the number are taken here; null when no organization has it. */
  readonly verified: boolean | null;
  /** It became so just now. */
  readonly marked: boolean;
};

export type TwilioTrunkReport = {
  readonly sid: string;
  readonly domain: string;
  readonly origination: string;
  readonly username: string;
  readonly password: string | null;
  readonly steps: readonly {
    readonly what: string;
    readonly id: string;
    readonly done: 'created' | 'changed' | 'left';
    readonly fields: readonly string[];
  }[];
};

/** A webhook of Twilio's as it came. */
export type TwilioWebhook = {
  readonly signature: string | undefined;
  /** Path and query as they were sent. */
  readonly target: string;
  readonly body: string;
};

/**
 * The operator's Twilio account. Every function throws GatewayError: twilio_refused, twilio_unavailable, not_found; the
 * webhooks forbidden when the signature is not right.
 */
export type TwilioParts = {
  /** Name and state (`active`, `suspended`, `closed`) of the account. */
  check(): Promise<{ readonly name: string; readonly status: string }>;
  search(search: {
    readonly country: string;
    readonly kind: 'local' | 'mobile' | 'tollFree';
    readonly areaCode?: number;
    readonly contains?: string;
    readonly limit: number;
  }): Promise<readonly TwilioOffer[]>;
  list(): Promise<readonly TwilioNumberView[]>;
  /** Throws bad_request, before anything is paid, when calls by webhook would find no way here. */
  buy(purchase: {
    readonly number: string;
    readonly name?: string;
    readonly by: 'trunk' | 'webhook';
    /** Name of the trunk. */
    readonly trunk: string;
    readonly addressSid?: string;
    readonly bundleSid?: string;
  }): Promise<TwilioNumberView>;
  /** Throws conflict while an organization has the number, unless forced. */
  release(number: string, force: boolean): Promise<void>;
  /** Has Twilio call the number; one that is proven already is marked as `verification` does, and nobody is called. */
  verify(request: {
    readonly number: string;
    readonly name?: string;
    readonly callDelay: number;
    readonly extension?: string;
  }): Promise<TwilioVerification | { readonly number: string; readonly code: string; readonly callSid: string }>;
  /** Asks Twilio, and marks the number of an organization as verified when Twilio says it is. */
  verification(number: string): Promise<TwilioVerification>;
  setUpTrunk(plan: {
    readonly name: string;
    readonly domain?: string;
    readonly origination?: string;
    readonly secure: boolean;
    readonly transferMode: 'disable-all' | 'enable-all' | 'sip-only';
    readonly username: string;
    readonly password?: string;
    readonly numbers: readonly string[];
  }): Promise<TwilioTrunkReport>;
  /** TwiML that leads a call to the gateway, or refuses it. */
  voice(webhook: TwilioWebhook): Promise<string>;
  status(webhook: TwilioWebhook): Promise<void>;
};
