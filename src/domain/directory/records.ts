/** Organizations and what belongs to them, as the call path reads them. Durations are seconds, as in the document. */

export type Organization = {
  readonly id: string;
  /** UUID; `x-opencx-org-id`. */
  readonly uuid: string;
  readonly name: string;
  /** ISO 3166-1 alpha-2. */
  readonly defaultCountry: string;
  readonly contextHeaders: boolean;
  readonly zendesk: ZendeskSettings | null;
};

export type ZendeskSettings = {
  readonly subdomain: string | null;
  readonly baseUrl: string | null;
  /** Sealed; opened only by the Zendesk client. Type and non-secret fields are readable. */
  readonly auth: ZendeskAuth | null;
  readonly holdEarlyPrefetch: number;
  readonly matchByTalkNumber: boolean;
  readonly talkNumbers: readonly string[];
  readonly talkMatchWindow: number;
  readonly sharedNumbers: readonly string[];
  readonly webhookSigningSecret: { readonly sealed: string } | null;
  readonly notes: boolean;
  readonly createTicket: boolean;
};

/** `sealed` holds the API token or the client secret (scopes: credential-scopes.ts). */
export type ZendeskAuth =
  | { readonly type: 'apiToken'; readonly email: string; readonly sealed: string }
  | { readonly type: 'oauth'; readonly clientId: string; readonly scope: string; readonly sealed: string };

export type PhoneNumberRecord = {
  /** E.164. */
  readonly number: string;
  readonly orgId: string;
  readonly agentId: string;
  readonly profile: string;
  readonly verified: boolean;
};

export type AgentLegConfig =
  | { readonly type: 'builtin'; readonly script: unknown }
  | { readonly type: 'livekit'; readonly agentName: string; readonly [option: string]: unknown }
  | { readonly type: 'websocket'; readonly url: string; readonly [option: string]: unknown };

export type Agent = {
  readonly id: string;
  readonly orgId: string;
  readonly name: string;
  readonly leg: AgentLegConfig;
  readonly transferDestinations: readonly string[];
  readonly actions: readonly string[];
  /** Destination used when the AI's leg cannot be had. */
  readonly fallback: string | null;
  readonly record: boolean;
  /** Seconds; 0 = the gateway's limit. */
  readonly maxDuration: number;
};

export type TransferDestination = {
  readonly id: string;
  readonly orgId: string;
  readonly name: string;
  readonly type: 'sip' | 'phone';
  readonly value: string;
  readonly profile: string | null;
  readonly trunk: string | null;
  /** For one call, and never stored: the trunk is the operator's, of the outbound policy. */
  readonly operatorTrunk?: true;
  readonly method: 'invite' | 'refer';
  readonly callerId: 'caller' | 'called' | null;
  readonly digest: { readonly username: string; readonly sealedPassword: string } | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly secureMedia: boolean;
  readonly holdAudio: string | null;
  readonly announcement: string | null;
  readonly ringTimeout: number;
  readonly onFailure: 'return' | 'next' | 'hangup';
  readonly next: string | null;
  readonly returnWithin: number;
};

/** An action as its author wrote it; `domain/actions` knows what it means. */
export type ActionRecord = {
  /** Slug of the name, unique in the organization. */
  readonly id: string;
  readonly orgId: string;
  readonly definition: Readonly<Record<string, unknown>>;
};

/** A client certificate for mutual TLS in the one form that is kept. Only its key is secret. */
export type ClientCertificate = {
  readonly name: string;
  /** Changes with each upload that is not the same; counts up. */
  readonly version: number;
  /** Milliseconds since the epoch, like all times here. */
  readonly uploadedAt: number;
  /** PEM, the leaf first. */
  readonly certificateChain: string;
  readonly subject: string;
  readonly issuer: string;
  /** SHA-256, upper-case hex with colons. */
  readonly fingerprint: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly chainLength: number;
  readonly keyType: string;
  /** PEM, PKCS #8. */
  readonly sealedKey: string;
};

/** Everything an organization is made of, as stored: credentials sealed. */
export type OrganizationSnapshot = {
  readonly organization: Organization;
  readonly numbers: readonly PhoneNumberRecord[];
  readonly agents: readonly Agent[];
  readonly destinations: readonly TransferDestination[];
  readonly actions: readonly ActionRecord[];
  readonly globals: Readonly<Record<string, string | number | boolean>>;
  /** Name to sealed value. */
  readonly variables: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly certificates: readonly ClientCertificate[];
};

/** What the INVITE of a called number leads to. */
export type Route = { readonly organization: Organization; readonly number: PhoneNumberRecord; readonly agent: Agent };

/** The directory as the call path sees it. Reads are one round trip at most and may come from a cache kept in step. */
export type Directory = {
  /** Null: the number is not known. Throws GatewayError store_unavailable. */
  route(calledE164: string): Promise<Route | null>;
  organization(orgId: string): Promise<Organization | null>;
  agent(orgId: string, agentId: string): Promise<Agent | null>;
  numbers(orgId: string): Promise<readonly PhoneNumberRecord[]>;
  /** By id, or by name (case-insensitive) when no id fits. */
  destination(orgId: string, idOrName: string): Promise<TransferDestination | null>;
};
