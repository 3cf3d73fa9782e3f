// Made of /openapi.json by scripts/write-console-client.mjs; a test keeps it in step.
export type Operations = {
  'GET /v1/organizations': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: { readonly items: readonly { readonly id: string }[]; readonly next: null };
  };
  'GET /v1/organizations/{id}/document': {
    readonly path: { readonly id: string };
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly organization: {
        readonly id: string;
        readonly uuid?: string;
        readonly name?: string;
        readonly defaultCountry?: string;
        readonly contextHeaders?: boolean;
        readonly zendesk?: {
          readonly subdomain?: string | null;
          readonly baseUrl?: string | null;
          readonly auth?:
            | { readonly type: 'apiToken'; readonly email: string; readonly token: string }
            | {
                readonly type: 'oauth';
                readonly clientId: string;
                readonly clientSecret: string;
                readonly scope?: string;
              }
            | null;
          readonly holdEarlyPrefetch?: number;
          readonly matchByTalkNumber?: boolean;
          readonly talkNumbers?: readonly string[];
          readonly talkMatchWindow?: number;
          readonly sharedNumbers?: readonly string[];
          readonly webhookSigningSecret?: string | null;
          readonly notes?: boolean;
          readonly createTicket?: boolean;
        } | null;
      };
      readonly numbers?: readonly {
        readonly number: string;
        readonly agent: string;
        readonly profile: string;
        readonly verified?: boolean;
      }[];
      readonly agents?: readonly {
        readonly id: string;
        readonly name?: string;
        readonly leg:
          | { readonly type: 'builtin'; readonly script: Readonly<Record<string, unknown>> }
          | { readonly type: 'livekit'; readonly agentName: string }
          | { readonly type: 'websocket'; readonly url: string };
        readonly transferDestinations?: readonly string[];
        readonly actions?: readonly string[];
        readonly fallback?: string | null;
        readonly record?: boolean;
        readonly maxDuration?: number;
      }[];
      readonly transferDestinations?: readonly {
        readonly id: string;
        readonly name: string;
        readonly type: 'sip' | 'phone';
        readonly value: string;
        readonly profile?: string | null;
        readonly trunk?: string | null;
        readonly method?: 'invite' | 'refer';
        readonly callerId?: 'caller' | 'called' | null;
        readonly digest?: { readonly username: string; readonly password: string } | null;
        readonly headers?: Readonly<Record<string, string>>;
        readonly secureMedia?: boolean;
        readonly holdAudio?: string | null;
        readonly announcement?: string | null;
        readonly ringTimeout?: number;
        readonly onFailure?: 'return' | 'next' | 'hangup';
        readonly next?: string | null;
        readonly returnWithin?: number;
      }[];
      readonly actions?: readonly { readonly name: string }[];
      readonly globals?: Readonly<Record<string, string | number | boolean>>;
      readonly variables?: Readonly<Record<string, string | null>>;
      readonly secrets?: Readonly<Record<string, string | null>>;
      readonly certificates?: readonly {
        readonly name: string;
        readonly certificate: string;
        readonly key?: string;
        readonly password?: string;
        readonly certificateFile?: unknown;
        readonly keyFile?: unknown;
      }[];
    };
  };
  'PUT /v1/organizations/{id}/document': {
    readonly path: { readonly id: string };
    readonly query: { readonly prune?: string | undefined; readonly dryRun?: string | undefined };
    readonly body: {
      readonly organization: {
        readonly id: string;
        readonly uuid?: string;
        readonly name?: string;
        readonly defaultCountry?: string;
        readonly contextHeaders?: boolean;
        readonly zendesk?: {
          readonly subdomain?: string | null;
          readonly baseUrl?: string | null;
          readonly auth?:
            | { readonly type: 'apiToken'; readonly email: string; readonly token: string }
            | {
                readonly type: 'oauth';
                readonly clientId: string;
                readonly clientSecret: string;
                readonly scope?: string;
              }
            | null;
          readonly holdEarlyPrefetch?: number;
          readonly matchByTalkNumber?: boolean;
          readonly talkNumbers?: readonly string[];
          readonly talkMatchWindow?: number;
          readonly sharedNumbers?: readonly string[];
          readonly webhookSigningSecret?: string | null;
          readonly notes?: boolean;
          readonly createTicket?: boolean;
        } | null;
      };
      readonly numbers?: readonly {
        readonly number: string;
        readonly agent: string;
        readonly profile: string;
        readonly verified?: boolean;
      }[];
      readonly agents?: readonly {
        readonly id: string;
        readonly name?: string;
        readonly leg:
          | { readonly type: 'builtin'; readonly script: Readonly<Record<string, unknown>> }
          | { readonly type: 'livekit'; readonly agentName: string }
          | { readonly type: 'websocket'; readonly url: string };
        readonly transferDestinations?: readonly string[];
        readonly actions?: readonly string[];
        readonly fallback?: string | null;
        readonly record?: boolean;
        readonly maxDuration?: number;
      }[];
      readonly transferDestinations?: readonly {
        readonly id: string;
        readonly name: string;
        readonly type: 'sip' | 'phone';
        readonly value: string;
        readonly profile?: string | null;
        readonly trunk?: string | null;
        readonly method?: 'invite' | 'refer';
        readonly callerId?: 'caller' | 'called' | null;
        readonly digest?: { readonly username: string; readonly password: string } | null;
        readonly headers?: Readonly<Record<string, string>>;
        readonly secureMedia?: boolean;
        readonly holdAudio?: string | null;
        readonly announcement?: string | null;
        readonly ringTimeout?: number;
        readonly onFailure?: 'return' | 'next' | 'hangup';
        readonly next?: string | null;
        readonly returnWithin?: number;
      }[];
      readonly actions?: readonly { readonly name: string }[];
      readonly globals?: Readonly<Record<string, string | number | boolean>>;
      readonly variables?: Readonly<Record<string, string | null>>;
      readonly secrets?: Readonly<Record<string, string | null>>;
      readonly certificates?: readonly {
        readonly name: string;
        readonly certificate: string;
        readonly key?: string;
        readonly password?: string;
        readonly certificateFile?: unknown;
        readonly keyFile?: unknown;
      }[];
    };
    readonly reply: {
      readonly organization: string;
      readonly dryRun: boolean;
      readonly created: readonly {
        readonly kind:
          | 'organization'
          | 'number'
          | 'agent'
          | 'transferDestination'
          | 'action'
          | 'global'
          | 'variable'
          | 'secret'
          | 'certificate';
        readonly id: string;
        readonly fields?: readonly string[];
      }[];
      readonly changed: readonly {
        readonly kind:
          | 'organization'
          | 'number'
          | 'agent'
          | 'transferDestination'
          | 'action'
          | 'global'
          | 'variable'
          | 'secret'
          | 'certificate';
        readonly id: string;
        readonly fields?: readonly string[];
      }[];
      readonly unchanged: readonly {
        readonly kind:
          | 'organization'
          | 'number'
          | 'agent'
          | 'transferDestination'
          | 'action'
          | 'global'
          | 'variable'
          | 'secret'
          | 'certificate';
        readonly id: string;
        readonly fields?: readonly string[];
      }[];
      readonly removed: readonly {
        readonly kind:
          | 'organization'
          | 'number'
          | 'agent'
          | 'transferDestination'
          | 'action'
          | 'global'
          | 'variable'
          | 'secret'
          | 'certificate';
        readonly id: string;
        readonly fields?: readonly string[];
      }[];
      readonly warnings: readonly { readonly path: string; readonly message: string }[];
    };
  };
  'GET /v1/sessions': {
    readonly path: undefined;
    readonly query: {
      readonly organization?: string | undefined;
      readonly live?: string | undefined;
      readonly caller?: string | undefined;
      readonly ticket?: string | undefined;
      readonly endReason?:
        | 'caller-hangup'
        | 'destination-hangup'
        | 'agent-hangup'
        | 'api-hangup'
        | 'cancelled'
        | 'rejected'
        | 'no-media'
        | 'max-duration'
        | 'drain'
        | 'instance-lost'
        | 'error'
        | undefined;
      readonly outcome?:
        | 'connected'
        | 'busy'
        | 'no-answer'
        | 'declined'
        | 'unreachable'
        | 'rejected'
        | 'caller-hung-up'
        | 'cancelled'
        | 'failed'
        | 'not-connected'
        | undefined;
      readonly from?: string | undefined;
      readonly to?: string | undefined;
      readonly limit?: string | undefined;
      readonly cursor?: string | undefined;
    };
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly id: string;
        readonly orgId: string;
        readonly ticketNumber: number;
        readonly agentId: string;
        readonly status: 'ringing' | 'active' | 'transferring' | 'transferred' | 'ended';
        readonly direction: 'inbound' | 'outbound';
        readonly caller: {
          readonly e164: string | null;
          readonly raw: string;
          readonly display: string | null;
          readonly withheld: boolean;
          readonly source?: 'zendesk';
        };
        readonly called: string;
        readonly contactId: string | null;
        readonly zendeskTicketId: string | null;
        readonly startedAt: string;
        readonly answeredAt: string | null;
        readonly endedAt: string | null;
        readonly endReason:
          | 'caller-hangup'
          | 'destination-hangup'
          | 'agent-hangup'
          | 'api-hangup'
          | 'cancelled'
          | 'rejected'
          | 'no-media'
          | 'max-duration'
          | 'drain'
          | 'instance-lost'
          | 'error'
          | null;
        readonly transfer: Readonly<Record<string, unknown>> | null;
        readonly attempts: number;
      }[];
      readonly next: string | null;
    };
  };
  'GET /v1/sessions/{id}': {
    readonly path: { readonly id: string };
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly id: string;
      readonly orgId: string;
      readonly ticketNumber: number;
      readonly agentId: string;
      readonly status: 'ringing' | 'active' | 'transferring' | 'transferred' | 'ended';
      readonly direction: 'inbound' | 'outbound';
      readonly caller: {
        readonly e164: string | null;
        readonly raw: string;
        readonly display: string | null;
        readonly withheld: boolean;
        readonly source?: 'zendesk';
      };
      readonly called: string;
      readonly contactId: string | null;
      readonly zendeskTicketId: string | null;
      readonly startedAt: string;
      readonly answeredAt: string | null;
      readonly endedAt: string | null;
      readonly endReason:
        | 'caller-hangup'
        | 'destination-hangup'
        | 'agent-hangup'
        | 'api-hangup'
        | 'cancelled'
        | 'rejected'
        | 'no-media'
        | 'max-duration'
        | 'drain'
        | 'instance-lost'
        | 'error'
        | null;
      readonly transfer: Readonly<Record<string, unknown>> | null;
      readonly attempts: number;
      readonly recordings: readonly { readonly part: number; readonly file: string; readonly startedAt: string }[];
      readonly timeline: readonly {
        readonly at: string;
        readonly type:
          | 'call.received'
          | 'call.placed'
          | 'call.ringing'
          | 'call.answered'
          | 'call.rejected'
          | 'call.ended'
          | 'agent.started'
          | 'agent.said'
          | 'agent.asked'
          | 'agent.failed'
          | 'agent.lost'
          | 'agent.resumed'
          | 'agent.left'
          | 'dtmf.received'
          | 'dtmf.sent'
          | 'media.started'
          | 'media.held'
          | 'media.resumed'
          | 'media.lost'
          | 'signalling.lost'
          | 'media.relayed'
          | 'media.returned'
          | 'media.kept'
          | 'media.quality'
          | 'recording.started'
          | 'recording.paused'
          | 'recording.resumed'
          | 'recording.stopped'
          | 'recording.deleted'
          | 'prefetch.held'
          | 'prefetch.stamped'
          | 'prefetch.refused'
          | 'contact.linked'
          | 'contact.enriched'
          | 'contact.clash'
          | 'enrichment.failed'
          | 'action.run'
          | 'ticket.created'
          | 'ticket.noted'
          | 'ticket.failed'
          | 'transfer.started'
          | 'transfer.ringing'
          | 'transfer.announced'
          | 'transfer.connected'
          | 'transfer.failed'
          | 'transfer.cancelled'
          | 'header.dropped'
          | 'store.lost'
          | 'store.restored'
          | 'session.revived';
        readonly data: Readonly<Record<string, unknown>>;
      }[];
    };
  };
  'POST /v1/sessions/{id}/hangup': {
    readonly path: { readonly id: string };
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly id: string;
      readonly status: 'ringing' | 'active' | 'transferring' | 'transferred' | 'ended';
    };
  };
  'GET /v1/sessions/{id}/ladder': {
    readonly path: { readonly id: string };
    readonly query: { readonly format?: 'json' | 'text' | undefined };
    readonly body: undefined;
    readonly reply: unknown;
  };
  'POST /v1/sessions/{id}/recording': {
    readonly path: { readonly id: string };
    readonly query: undefined;
    readonly body: { readonly action: 'start' | 'pause' | 'resume' | 'stop' };
    readonly reply: { readonly state: 'off' | 'recording' | 'paused'; readonly file: string | null };
  };
  'GET /v1/sessions/{id}/recording': {
    readonly path: { readonly id: string };
    readonly query: { readonly part?: string | undefined };
    readonly body: undefined;
    readonly reply: string;
  };
  'DELETE /v1/sessions/{id}/recording': {
    readonly path: { readonly id: string };
    readonly query: { readonly part?: string | undefined };
    readonly body: undefined;
    readonly reply: null;
  };
  'GET /v1/sessions/{id}/tools': {
    readonly path: { readonly id: string };
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly name: string;
        readonly description: string;
        readonly parameters: Readonly<Record<string, unknown>>;
        readonly expectedLatencyMs?: number;
      }[];
      readonly next: null;
    };
  };
  'POST /v1/sessions/{id}/tools/{name}': {
    readonly path: { readonly id: string; readonly name: string };
    readonly query: undefined;
    readonly body: Readonly<Record<string, unknown>>;
    readonly reply: unknown;
  };
  'POST /v1/sessions/{id}/dtmf': {
    readonly path: { readonly id: string };
    readonly query: undefined;
    readonly body: { readonly digits: string };
    readonly reply: null;
  };
  'GET /v1/contacts': {
    readonly path: undefined;
    readonly query: {
      readonly organization?: string | undefined;
      readonly phone?: string | undefined;
      readonly limit?: string | undefined;
      readonly cursor?: string | undefined;
    };
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly id: string;
        readonly name: string | null;
        readonly email: string | null;
        readonly phone: string | null;
        readonly externalId: string | null;
        readonly zendeskUserId: string | null;
        readonly custom_data: Readonly<Record<string, string>>;
      }[];
      readonly next: string | null;
    };
  };
  'POST /v1/contacts': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: {
      readonly name?: string | null;
      readonly email?: string | null;
      readonly phone?: string | null;
      readonly externalId?: string | null;
      readonly custom_data?: Readonly<Record<string, string | null>>;
    };
    readonly reply: {
      readonly id: string;
      readonly name: string | null;
      readonly email: string | null;
      readonly phone: string | null;
      readonly externalId: string | null;
      readonly zendeskUserId: string | null;
      readonly custom_data: Readonly<Record<string, string>>;
    };
  };
  'GET /v1/contacts/{id}': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: {
      readonly id: string;
      readonly name: string | null;
      readonly email: string | null;
      readonly phone: string | null;
      readonly externalId: string | null;
      readonly zendeskUserId: string | null;
      readonly custom_data: Readonly<Record<string, string>>;
    };
  };
  'PUT /v1/contacts/{id}': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: {
      readonly name?: string | null;
      readonly email?: string | null;
      readonly phone?: string | null;
      readonly externalId?: string | null;
      readonly custom_data?: Readonly<Record<string, string | null>>;
    };
    readonly reply: {
      readonly id: string;
      readonly name: string | null;
      readonly email: string | null;
      readonly phone: string | null;
      readonly externalId: string | null;
      readonly zendeskUserId: string | null;
      readonly custom_data: Readonly<Record<string, string>>;
    };
  };
  'DELETE /v1/contacts/{id}': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: null;
  };
  'GET /v1/audit': {
    readonly path: undefined;
    readonly query: {
      readonly organization?: string | undefined;
      readonly limit?: string | undefined;
      readonly cursor?: string | undefined;
    };
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly id: string;
        readonly at: string;
        readonly who: string;
        readonly role: string;
        readonly action: string;
        readonly request: string;
        readonly changes: readonly string[];
        readonly remote: string;
        readonly requestId: string;
      }[];
      readonly next: string | null;
    };
  };
  'GET /v1/system/audit': {
    readonly path: undefined;
    readonly query: { readonly limit?: string | undefined; readonly cursor?: string | undefined };
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly id: string;
        readonly at: string;
        readonly who: string;
        readonly role: string;
        readonly action: string;
        readonly request: string;
        readonly changes: readonly string[];
        readonly remote: string;
        readonly requestId: string;
      }[];
      readonly next: string | null;
    };
  };
  'GET /v1/numbers': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly number: string;
        readonly agent: string;
        readonly profile: string;
        readonly verified?: boolean;
      }[];
      readonly next: null;
    };
  };
  'POST /v1/numbers': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: {
      readonly number: string;
      readonly agent: string;
      readonly profile: string;
      readonly verified?: boolean;
    };
    readonly reply: {
      readonly number: string;
      readonly agent: string;
      readonly profile: string;
      readonly verified?: boolean;
    };
  };
  'GET /v1/numbers/{id}': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: {
      readonly number: string;
      readonly agent: string;
      readonly profile: string;
      readonly verified?: boolean;
    };
  };
  'PUT /v1/numbers/{id}': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: {
      readonly number?: string;
      readonly agent?: string;
      readonly profile?: string;
      readonly verified?: boolean;
    };
    readonly reply: {
      readonly number: string;
      readonly agent: string;
      readonly profile: string;
      readonly verified?: boolean;
    };
  };
  'DELETE /v1/numbers/{id}': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: null;
  };
  'GET /v1/agents': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly id: string;
        readonly name?: string;
        readonly leg:
          | { readonly type: 'builtin'; readonly script: Readonly<Record<string, unknown>> }
          | { readonly type: 'livekit'; readonly agentName: string }
          | { readonly type: 'websocket'; readonly url: string };
        readonly transferDestinations?: readonly string[];
        readonly actions?: readonly string[];
        readonly fallback?: string | null;
        readonly record?: boolean;
        readonly maxDuration?: number;
      }[];
      readonly next: null;
    };
  };
  'POST /v1/agents': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: {
      readonly id: string;
      readonly name?: string;
      readonly leg:
        | { readonly type: 'builtin'; readonly script: Readonly<Record<string, unknown>> }
        | { readonly type: 'livekit'; readonly agentName: string }
        | { readonly type: 'websocket'; readonly url: string };
      readonly transferDestinations?: readonly string[];
      readonly actions?: readonly string[];
      readonly fallback?: string | null;
      readonly record?: boolean;
      readonly maxDuration?: number;
    };
    readonly reply: {
      readonly id: string;
      readonly name?: string;
      readonly leg:
        | { readonly type: 'builtin'; readonly script: Readonly<Record<string, unknown>> }
        | { readonly type: 'livekit'; readonly agentName: string }
        | { readonly type: 'websocket'; readonly url: string };
      readonly transferDestinations?: readonly string[];
      readonly actions?: readonly string[];
      readonly fallback?: string | null;
      readonly record?: boolean;
      readonly maxDuration?: number;
    };
  };
  'GET /v1/agents/{id}': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: {
      readonly id: string;
      readonly name?: string;
      readonly leg:
        | { readonly type: 'builtin'; readonly script: Readonly<Record<string, unknown>> }
        | { readonly type: 'livekit'; readonly agentName: string }
        | { readonly type: 'websocket'; readonly url: string };
      readonly transferDestinations?: readonly string[];
      readonly actions?: readonly string[];
      readonly fallback?: string | null;
      readonly record?: boolean;
      readonly maxDuration?: number;
    };
  };
  'PUT /v1/agents/{id}': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: {
      readonly id?: string;
      readonly name?: string;
      readonly leg?:
        | { readonly type: 'builtin'; readonly script: Readonly<Record<string, unknown>> }
        | { readonly type: 'livekit'; readonly agentName: string }
        | { readonly type: 'websocket'; readonly url: string };
      readonly transferDestinations?: readonly string[];
      readonly actions?: readonly string[];
      readonly fallback?: string | null;
      readonly record?: boolean;
      readonly maxDuration?: number;
    };
    readonly reply: {
      readonly id: string;
      readonly name?: string;
      readonly leg:
        | { readonly type: 'builtin'; readonly script: Readonly<Record<string, unknown>> }
        | { readonly type: 'livekit'; readonly agentName: string }
        | { readonly type: 'websocket'; readonly url: string };
      readonly transferDestinations?: readonly string[];
      readonly actions?: readonly string[];
      readonly fallback?: string | null;
      readonly record?: boolean;
      readonly maxDuration?: number;
    };
  };
  'DELETE /v1/agents/{id}': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: null;
  };
  'GET /v1/transfer-destinations': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly id: string;
        readonly name: string;
        readonly type: 'sip' | 'phone';
        readonly value: string;
        readonly profile?: string | null;
        readonly trunk?: string | null;
        readonly method?: 'invite' | 'refer';
        readonly callerId?: 'caller' | 'called' | null;
        readonly digest?: { readonly username: string; readonly password: string } | null;
        readonly headers?: Readonly<Record<string, string>>;
        readonly secureMedia?: boolean;
        readonly holdAudio?: string | null;
        readonly announcement?: string | null;
        readonly ringTimeout?: number;
        readonly onFailure?: 'return' | 'next' | 'hangup';
        readonly next?: string | null;
        readonly returnWithin?: number;
      }[];
      readonly next: null;
    };
  };
  'POST /v1/transfer-destinations': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: {
      readonly id: string;
      readonly name: string;
      readonly type: 'sip' | 'phone';
      readonly value: string;
      readonly profile?: string | null;
      readonly trunk?: string | null;
      readonly method?: 'invite' | 'refer';
      readonly callerId?: 'caller' | 'called' | null;
      readonly digest?: { readonly username: string; readonly password: string } | null;
      readonly headers?: Readonly<Record<string, string>>;
      readonly secureMedia?: boolean;
      readonly holdAudio?: string | null;
      readonly announcement?: string | null;
      readonly ringTimeout?: number;
      readonly onFailure?: 'return' | 'next' | 'hangup';
      readonly next?: string | null;
      readonly returnWithin?: number;
    };
    readonly reply: {
      readonly id: string;
      readonly name: string;
      readonly type: 'sip' | 'phone';
      readonly value: string;
      readonly profile?: string | null;
      readonly trunk?: string | null;
      readonly method?: 'invite' | 'refer';
      readonly callerId?: 'caller' | 'called' | null;
      readonly digest?: { readonly username: string; readonly password: string } | null;
      readonly headers?: Readonly<Record<string, string>>;
      readonly secureMedia?: boolean;
      readonly holdAudio?: string | null;
      readonly announcement?: string | null;
      readonly ringTimeout?: number;
      readonly onFailure?: 'return' | 'next' | 'hangup';
      readonly next?: string | null;
      readonly returnWithin?: number;
    };
  };
  'GET /v1/transfer-destinations/{id}': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: {
      readonly id: string;
      readonly name: string;
      readonly type: 'sip' | 'phone';
      readonly value: string;
      readonly profile?: string | null;
      readonly trunk?: string | null;
      readonly method?: 'invite' | 'refer';
      readonly callerId?: 'caller' | 'called' | null;
      readonly digest?: { readonly username: string; readonly password: string } | null;
      readonly headers?: Readonly<Record<string, string>>;
      readonly secureMedia?: boolean;
      readonly holdAudio?: string | null;
      readonly announcement?: string | null;
      readonly ringTimeout?: number;
      readonly onFailure?: 'return' | 'next' | 'hangup';
      readonly next?: string | null;
      readonly returnWithin?: number;
    };
  };
  'PUT /v1/transfer-destinations/{id}': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: {
      readonly id?: string;
      readonly name?: string;
      readonly type?: 'sip' | 'phone';
      readonly value?: string;
      readonly profile?: string | null;
      readonly trunk?: string | null;
      readonly method?: 'invite' | 'refer';
      readonly callerId?: 'caller' | 'called' | null;
      readonly digest?: { readonly username: string; readonly password: string } | null;
      readonly headers?: Readonly<Record<string, string>>;
      readonly secureMedia?: boolean;
      readonly holdAudio?: string | null;
      readonly announcement?: string | null;
      readonly ringTimeout?: number;
      readonly onFailure?: 'return' | 'next' | 'hangup';
      readonly next?: string | null;
      readonly returnWithin?: number;
    };
    readonly reply: {
      readonly id: string;
      readonly name: string;
      readonly type: 'sip' | 'phone';
      readonly value: string;
      readonly profile?: string | null;
      readonly trunk?: string | null;
      readonly method?: 'invite' | 'refer';
      readonly callerId?: 'caller' | 'called' | null;
      readonly digest?: { readonly username: string; readonly password: string } | null;
      readonly headers?: Readonly<Record<string, string>>;
      readonly secureMedia?: boolean;
      readonly holdAudio?: string | null;
      readonly announcement?: string | null;
      readonly ringTimeout?: number;
      readonly onFailure?: 'return' | 'next' | 'hangup';
      readonly next?: string | null;
      readonly returnWithin?: number;
    };
  };
  'DELETE /v1/transfer-destinations/{id}': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: null;
  };
  'POST /phone/sip/transfer-destinations': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: { readonly name: string; readonly type: 'phone' | 'sip'; readonly value: string };
    readonly reply: {
      readonly name: string;
      readonly type: 'phone' | 'sip';
      readonly value: string;
      readonly id: string;
      readonly created_at: string | null;
      readonly updated_at: string;
    };
  };
  'PUT /phone/sip/transfer-destinations/{destination_id}': {
    readonly path: { readonly destination_id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: { readonly name?: string; readonly type?: 'phone' | 'sip'; readonly value?: string };
    readonly reply: {
      readonly name: string;
      readonly type: 'phone' | 'sip';
      readonly value: string;
      readonly id: string;
      readonly created_at: string | null;
      readonly updated_at: string;
    };
  };
  'POST /phone/sip/agents/{phone_agent_id}/transfer-destinations': {
    readonly path: { readonly phone_agent_id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body:
      | { readonly destination_id: string }
      | { readonly create: { readonly name: string; readonly type: 'phone' | 'sip'; readonly value: string } };
    readonly reply: { readonly destination_id: string };
  };
  'GET /console/session': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly kind: 'admin-token' | 'dashboard' | 'api-key' | 'session' | 'local';
      readonly sub: string;
      readonly role: 'admin' | 'editor' | 'viewer' | 'operator' | 'agent';
      readonly organization: string | null;
      readonly permissions: readonly string[];
    };
  };
  'POST /console/session': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly kind: 'admin-token' | 'dashboard' | 'api-key' | 'session' | 'local';
      readonly sub: string;
      readonly role: 'admin' | 'editor' | 'viewer' | 'operator' | 'agent';
      readonly organization: string | null;
      readonly permissions: readonly string[];
    };
  };
  'DELETE /console/session': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: null;
  };
  'POST /console/session/code': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: { readonly code: string };
    readonly reply: null;
  };
  'GET /backend/zendesk-v2/voice-prefetch-url': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: { readonly webhookUrl: string };
  };
  'POST /backend/zendesk-v2/voice-prefetch-url/regenerate': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: { readonly webhookUrl: string };
  };
  'GET /v1/zendesk/check': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: {
      readonly organization: string;
      readonly zendesk: string | null;
      readonly credentials: { readonly ok: boolean; readonly message: string };
      readonly webhook: {
        readonly url: string;
        readonly expiresAt: string;
        readonly signed: boolean;
        readonly body: string;
        readonly conditions: readonly string[];
      };
      readonly status: {
        readonly ok: boolean;
        readonly at: string;
        readonly kind: string | null;
        readonly message: string | null;
      } | null;
      readonly deliveries: readonly {
        readonly at: string;
        readonly status: number;
        readonly success: boolean;
        readonly message: string;
        readonly ticketId: string | null;
        readonly sessionId: string | null;
        readonly invocation: string | null;
        readonly took: number;
      }[];
      readonly problems: readonly string[];
    };
  };
  'POST /backend/zendesk-v2/voice-prefetch/{token}': {
    readonly path: { readonly token: string };
    readonly query: { readonly wait?: string | undefined };
    readonly body: {
      readonly ticket_id: number | string;
      readonly caller_phone?: string;
      readonly requester_phone?: string;
      readonly subject?: string;
    };
    readonly reply: {
      readonly success: boolean;
      readonly message: string;
      readonly sessionId?: string;
      readonly ticketId?: string;
      readonly match?: 'caller_phone' | 'requester_phone' | 'talk_number' | 'created';
      readonly enrichment?: 'queued' | 'enriched' | 'failed' | 'none';
    };
  };
  'POST /v1/sessions/{id}/transfer': {
    readonly path: { readonly id: string };
    readonly query: { readonly wait?: string | undefined };
    readonly body: { readonly destination: string; readonly summary?: string };
    readonly reply: {
      readonly id: string;
      readonly state: 'trying' | 'ringing' | 'done';
      readonly destination: { readonly id: string; readonly name: string; readonly type: 'sip' | 'phone' };
      readonly outcome:
        | 'connected'
        | 'busy'
        | 'no-answer'
        | 'declined'
        | 'unreachable'
        | 'rejected'
        | 'caller-hung-up'
        | 'cancelled'
        | 'failed'
        | null;
      readonly sipStatus: number | null;
      readonly reason: string;
      readonly hint: string | null;
      readonly from: string;
      readonly fromReason: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly ticketId: string | null;
      readonly ticketReason: string | null;
    };
  };
  'GET /v1/sessions/{id}/transfer': {
    readonly path: { readonly id: string };
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly id: string;
      readonly state: 'trying' | 'ringing' | 'done';
      readonly destination: { readonly id: string; readonly name: string; readonly type: 'sip' | 'phone' };
      readonly outcome:
        | 'connected'
        | 'busy'
        | 'no-answer'
        | 'declined'
        | 'unreachable'
        | 'rejected'
        | 'caller-hung-up'
        | 'cancelled'
        | 'failed'
        | null;
      readonly sipStatus: number | null;
      readonly reason: string;
      readonly hint: string | null;
      readonly from: string;
      readonly fromReason: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly ticketId: string | null;
      readonly ticketReason: string | null;
    };
  };
  'DELETE /v1/sessions/{id}/transfer': {
    readonly path: { readonly id: string };
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly id: string;
      readonly state: 'trying' | 'ringing' | 'done';
      readonly destination: { readonly id: string; readonly name: string; readonly type: 'sip' | 'phone' };
      readonly outcome:
        | 'connected'
        | 'busy'
        | 'no-answer'
        | 'declined'
        | 'unreachable'
        | 'rejected'
        | 'caller-hung-up'
        | 'cancelled'
        | 'failed'
        | null;
      readonly sipStatus: number | null;
      readonly reason: string;
      readonly hint: string | null;
      readonly from: string;
      readonly fromReason: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly ticketId: string | null;
      readonly ticketReason: string | null;
    };
  };
  'POST /v1/calls': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: {
      readonly agent: string;
      readonly to: string;
      readonly from?: string;
      readonly profile?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly authenticatedUser?: string;
      readonly attributes?: Readonly<Record<string, unknown>>;
    };
    readonly reply: {
      readonly id: string;
      readonly orgId: string;
      readonly ticketNumber: number;
      readonly agentId: string;
      readonly status: 'ringing' | 'active' | 'transferring' | 'transferred' | 'ended';
      readonly direction: 'inbound' | 'outbound';
      readonly caller: {
        readonly e164: string | null;
        readonly raw: string;
        readonly display: string | null;
        readonly withheld: boolean;
        readonly source?: 'zendesk';
      };
      readonly called: string;
      readonly contactId: string | null;
      readonly zendeskTicketId: string | null;
      readonly startedAt: string;
      readonly answeredAt: string | null;
      readonly endedAt: string | null;
      readonly endReason:
        | 'caller-hangup'
        | 'destination-hangup'
        | 'agent-hangup'
        | 'api-hangup'
        | 'cancelled'
        | 'rejected'
        | 'no-media'
        | 'max-duration'
        | 'drain'
        | 'instance-lost'
        | 'error'
        | null;
      readonly transfer: Readonly<Record<string, unknown>> | null;
      readonly attempts: number;
    };
  };
  'GET /v1/organizations/{id}/outbound': {
    readonly path: { readonly id: string };
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly policy: {
        readonly numbers?: readonly string[];
        readonly uris?: readonly string[];
        readonly trunk?: string | null;
        readonly profile?: string | null;
        readonly maxCalls?: number;
        readonly dailyMinutes?: number;
      };
      readonly usage: { readonly calls: number; readonly minutesToday: number };
    };
  };
  'PUT /v1/organizations/{id}/outbound': {
    readonly path: { readonly id: string };
    readonly query: undefined;
    readonly body: {
      readonly numbers?: readonly string[];
      readonly uris?: readonly string[];
      readonly trunk?: string | null;
      readonly profile?: string | null;
      readonly maxCalls?: number;
      readonly dailyMinutes?: number;
    };
    readonly reply: {
      readonly policy: {
        readonly numbers?: readonly string[];
        readonly uris?: readonly string[];
        readonly trunk?: string | null;
        readonly profile?: string | null;
        readonly maxCalls?: number;
        readonly dailyMinutes?: number;
      };
      readonly usage: { readonly calls: number; readonly minutesToday: number };
    };
  };
  'GET /v1/actions': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly id: string;
        readonly name: string;
        readonly description: string | null;
        readonly kind: 'webhook' | 'legacy-webhook';
        readonly method: string;
        readonly url: string;
        readonly inputs: readonly string[];
        readonly warnings: readonly string[];
        readonly fault: string | null;
        readonly expectedLatencyMs: number | null;
        readonly tool: {
          readonly name: string;
          readonly description: string;
          readonly parameters: unknown;
          readonly readOnly: boolean;
        } | null;
        readonly definition: Readonly<Record<string, unknown>>;
      }[];
      readonly next: null;
    };
  };
  'POST /v1/actions': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body:
      | {
          readonly kind?: 'webhook';
          readonly name: string;
          readonly slug?: string;
          readonly description?: string;
          readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';
          readonly url: string;
          readonly headers?: Readonly<Record<string, string>>;
          readonly body?: unknown;
          readonly parameters?: unknown;
          readonly staticValues?: Readonly<Record<string, unknown>>;
          readonly response?: {
            readonly '1xx'?: {
              readonly action_success?: boolean | string;
              readonly outputs?: Readonly<
                Record<string, string | { readonly expression: string; readonly hideFromAi?: boolean }>
              >;
              readonly raw_response?: string;
            };
            readonly '2xx'?: {
              readonly action_success?: boolean | string;
              readonly outputs?: Readonly<
                Record<string, string | { readonly expression: string; readonly hideFromAi?: boolean }>
              >;
              readonly raw_response?: string;
            };
            readonly '3xx'?: {
              readonly action_success?: boolean | string;
              readonly outputs?: Readonly<
                Record<string, string | { readonly expression: string; readonly hideFromAi?: boolean }>
              >;
              readonly raw_response?: string;
            };
            readonly '4xx'?: {
              readonly action_success?: boolean | string;
              readonly outputs?: Readonly<
                Record<string, string | { readonly expression: string; readonly hideFromAi?: boolean }>
              >;
              readonly raw_response?: string;
            };
            readonly '5xx'?: {
              readonly action_success?: boolean | string;
              readonly outputs?: Readonly<
                Record<string, string | { readonly expression: string; readonly hideFromAi?: boolean }>
              >;
              readonly raw_response?: string;
            };
            readonly raw_response?: string;
          };
          readonly auth?:
            | { readonly type: 'none' }
            | {
                readonly type: 'header';
                readonly variables?: Readonly<Record<string, string>>;
                readonly headers: Readonly<Record<string, string>>;
              }
            | {
                readonly type: 'mtls';
                readonly certificate: string;
                readonly password?: string;
                readonly caCertificate?: string;
              }
            | {
                readonly type: 'oauth2';
                readonly tokenUrl: string;
                readonly clientId: string;
                readonly clientSecret: string;
                readonly scope?: string;
                readonly clientAuthentication?: 'post' | 'basic' | 'basic-raw';
              };
          readonly limits?: { readonly timeout?: number; readonly responseSize?: number };
          readonly retries?: { readonly attempts: number };
          readonly importedFrom?: string;
        }
      | {
          readonly kind: 'legacy-webhook';
          readonly name: string;
          readonly slug?: string;
          readonly description?: string;
          readonly url: string;
          readonly headers?: Readonly<Record<string, string>>;
          readonly inputs?: readonly string[];
          readonly outputs?: readonly string[];
          readonly parameters?: unknown;
          readonly staticValues?: Readonly<Record<string, unknown>>;
          readonly limits?: { readonly timeout?: number; readonly responseSize?: number };
        };
    readonly reply: {
      readonly id: string;
      readonly name: string;
      readonly description: string | null;
      readonly kind: 'webhook' | 'legacy-webhook';
      readonly method: string;
      readonly url: string;
      readonly inputs: readonly string[];
      readonly warnings: readonly string[];
      readonly fault: string | null;
      readonly expectedLatencyMs: number | null;
      readonly tool: {
        readonly name: string;
        readonly description: string;
        readonly parameters: unknown;
        readonly readOnly: boolean;
      } | null;
      readonly definition: Readonly<Record<string, unknown>>;
    };
  };
  'GET /v1/actions/{id}': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: {
      readonly id: string;
      readonly name: string;
      readonly description: string | null;
      readonly kind: 'webhook' | 'legacy-webhook';
      readonly method: string;
      readonly url: string;
      readonly inputs: readonly string[];
      readonly warnings: readonly string[];
      readonly fault: string | null;
      readonly expectedLatencyMs: number | null;
      readonly tool: {
        readonly name: string;
        readonly description: string;
        readonly parameters: unknown;
        readonly readOnly: boolean;
      } | null;
      readonly definition: Readonly<Record<string, unknown>>;
    };
  };
  'PUT /v1/actions/{id}': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body:
      | {
          readonly kind?: 'webhook';
          readonly name: string;
          readonly slug?: string;
          readonly description?: string;
          readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';
          readonly url: string;
          readonly headers?: Readonly<Record<string, string>>;
          readonly body?: unknown;
          readonly parameters?: unknown;
          readonly staticValues?: Readonly<Record<string, unknown>>;
          readonly response?: {
            readonly '1xx'?: {
              readonly action_success?: boolean | string;
              readonly outputs?: Readonly<
                Record<string, string | { readonly expression: string; readonly hideFromAi?: boolean }>
              >;
              readonly raw_response?: string;
            };
            readonly '2xx'?: {
              readonly action_success?: boolean | string;
              readonly outputs?: Readonly<
                Record<string, string | { readonly expression: string; readonly hideFromAi?: boolean }>
              >;
              readonly raw_response?: string;
            };
            readonly '3xx'?: {
              readonly action_success?: boolean | string;
              readonly outputs?: Readonly<
                Record<string, string | { readonly expression: string; readonly hideFromAi?: boolean }>
              >;
              readonly raw_response?: string;
            };
            readonly '4xx'?: {
              readonly action_success?: boolean | string;
              readonly outputs?: Readonly<
                Record<string, string | { readonly expression: string; readonly hideFromAi?: boolean }>
              >;
              readonly raw_response?: string;
            };
            readonly '5xx'?: {
              readonly action_success?: boolean | string;
              readonly outputs?: Readonly<
                Record<string, string | { readonly expression: string; readonly hideFromAi?: boolean }>
              >;
              readonly raw_response?: string;
            };
            readonly raw_response?: string;
          };
          readonly auth?:
            | { readonly type: 'none' }
            | {
                readonly type: 'header';
                readonly variables?: Readonly<Record<string, string>>;
                readonly headers: Readonly<Record<string, string>>;
              }
            | {
                readonly type: 'mtls';
                readonly certificate: string;
                readonly password?: string;
                readonly caCertificate?: string;
              }
            | {
                readonly type: 'oauth2';
                readonly tokenUrl: string;
                readonly clientId: string;
                readonly clientSecret: string;
                readonly scope?: string;
                readonly clientAuthentication?: 'post' | 'basic' | 'basic-raw';
              };
          readonly limits?: { readonly timeout?: number; readonly responseSize?: number };
          readonly retries?: { readonly attempts: number };
          readonly importedFrom?: string;
        }
      | {
          readonly kind: 'legacy-webhook';
          readonly name: string;
          readonly slug?: string;
          readonly description?: string;
          readonly url: string;
          readonly headers?: Readonly<Record<string, string>>;
          readonly inputs?: readonly string[];
          readonly outputs?: readonly string[];
          readonly parameters?: unknown;
          readonly staticValues?: Readonly<Record<string, unknown>>;
          readonly limits?: { readonly timeout?: number; readonly responseSize?: number };
        };
    readonly reply: {
      readonly id: string;
      readonly name: string;
      readonly description: string | null;
      readonly kind: 'webhook' | 'legacy-webhook';
      readonly method: string;
      readonly url: string;
      readonly inputs: readonly string[];
      readonly warnings: readonly string[];
      readonly fault: string | null;
      readonly expectedLatencyMs: number | null;
      readonly tool: {
        readonly name: string;
        readonly description: string;
        readonly parameters: unknown;
        readonly readOnly: boolean;
      } | null;
      readonly definition: Readonly<Record<string, unknown>>;
    };
  };
  'DELETE /v1/actions/{id}': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: null;
  };
  'POST /v1/actions/{id}/convert': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: {
      readonly id: string;
      readonly name: string;
      readonly description: string | null;
      readonly kind: 'webhook' | 'legacy-webhook';
      readonly method: string;
      readonly url: string;
      readonly inputs: readonly string[];
      readonly warnings: readonly string[];
      readonly fault: string | null;
      readonly expectedLatencyMs: number | null;
      readonly tool: {
        readonly name: string;
        readonly description: string;
        readonly parameters: unknown;
        readonly readOnly: boolean;
      } | null;
      readonly definition: Readonly<Record<string, unknown>>;
    };
  };
  'POST /v1/actions/{id}/execute': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: { readonly sessionId?: string; readonly attributes?: Readonly<Record<string, unknown>> };
    readonly reply: {
      readonly success: boolean;
      readonly statusCode: number | null;
      readonly outputs: Readonly<Record<string, unknown>>;
      readonly error?: {
        readonly code:
          | 'arguments'
          | 'template'
          | 'authentication'
          | 'token'
          | 'refused_address'
          | 'dns'
          | 'connect'
          | 'tls'
          | 'server_certificate'
          | 'client_certificate'
          | 'timeout'
          | 'aborted'
          | 'connection_lost'
          | 'protocol'
          | 'headers_too_large'
          | 'response_too_large'
          | 'bad_encoding'
          | 'bad_request'
          | 'legacy_response'
          | 'internal';
        readonly message: string;
      };
      readonly durationMs: number;
    };
  };
  'POST /v1/actions/{id}/test': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: { readonly attributes?: Readonly<Record<string, unknown>> };
    readonly reply: {
      readonly runId: string;
      readonly success: boolean;
      readonly statusCode: number | null;
      readonly inputs: readonly string[];
      readonly outputs: Readonly<Record<string, unknown>>;
    };
  };
  'POST /v1/actions/import': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined; readonly server?: string | undefined };
    readonly body: { readonly openapi: string };
    readonly reply: {
      readonly created: readonly string[];
      readonly changed: readonly string[];
      readonly unchanged: readonly string[];
      readonly skipped: readonly { readonly path: string; readonly message: string }[];
      readonly notes: readonly { readonly path: string; readonly message: string }[];
    };
  };
  'POST /v1/actions/test': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: {
      readonly definition:
        | {
            readonly kind?: 'webhook';
            readonly name: string;
            readonly slug?: string;
            readonly description?: string;
            readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';
            readonly url: string;
            readonly headers?: Readonly<Record<string, string>>;
            readonly body?: unknown;
            readonly parameters?: unknown;
            readonly staticValues?: Readonly<Record<string, unknown>>;
            readonly response?: {
              readonly '1xx'?: {
                readonly action_success?: boolean | string;
                readonly outputs?: Readonly<
                  Record<string, string | { readonly expression: string; readonly hideFromAi?: boolean }>
                >;
                readonly raw_response?: string;
              };
              readonly '2xx'?: {
                readonly action_success?: boolean | string;
                readonly outputs?: Readonly<
                  Record<string, string | { readonly expression: string; readonly hideFromAi?: boolean }>
                >;
                readonly raw_response?: string;
              };
              readonly '3xx'?: {
                readonly action_success?: boolean | string;
                readonly outputs?: Readonly<
                  Record<string, string | { readonly expression: string; readonly hideFromAi?: boolean }>
                >;
                readonly raw_response?: string;
              };
              readonly '4xx'?: {
                readonly action_success?: boolean | string;
                readonly outputs?: Readonly<
                  Record<string, string | { readonly expression: string; readonly hideFromAi?: boolean }>
                >;
                readonly raw_response?: string;
              };
              readonly '5xx'?: {
                readonly action_success?: boolean | string;
                readonly outputs?: Readonly<
                  Record<string, string | { readonly expression: string; readonly hideFromAi?: boolean }>
                >;
                readonly raw_response?: string;
              };
              readonly raw_response?: string;
            };
            readonly auth?:
              | { readonly type: 'none' }
              | {
                  readonly type: 'header';
                  readonly variables?: Readonly<Record<string, string>>;
                  readonly headers: Readonly<Record<string, string>>;
                }
              | {
                  readonly type: 'mtls';
                  readonly certificate: string;
                  readonly password?: string;
                  readonly caCertificate?: string;
                }
              | {
                  readonly type: 'oauth2';
                  readonly tokenUrl: string;
                  readonly clientId: string;
                  readonly clientSecret: string;
                  readonly scope?: string;
                  readonly clientAuthentication?: 'post' | 'basic' | 'basic-raw';
                };
            readonly limits?: { readonly timeout?: number; readonly responseSize?: number };
            readonly retries?: { readonly attempts: number };
            readonly importedFrom?: string;
          }
        | {
            readonly kind: 'legacy-webhook';
            readonly name: string;
            readonly slug?: string;
            readonly description?: string;
            readonly url: string;
            readonly headers?: Readonly<Record<string, string>>;
            readonly inputs?: readonly string[];
            readonly outputs?: readonly string[];
            readonly parameters?: unknown;
            readonly staticValues?: Readonly<Record<string, unknown>>;
            readonly limits?: { readonly timeout?: number; readonly responseSize?: number };
          };
      readonly attributes?: Readonly<Record<string, unknown>>;
    };
    readonly reply: {
      readonly runId: string;
      readonly success: boolean;
      readonly statusCode: number | null;
      readonly inputs: readonly string[];
      readonly outputs: Readonly<Record<string, unknown>>;
    };
  };
  'GET /v1/runs': {
    readonly path: undefined;
    readonly query: {
      readonly organization?: string | undefined;
      readonly action?: string | undefined;
      readonly session?: string | undefined;
      readonly success?: string | undefined;
      readonly status?: '1xx' | '2xx' | '3xx' | '4xx' | '5xx' | 'none' | undefined;
      readonly error?:
        | 'arguments'
        | 'template'
        | 'authentication'
        | 'token'
        | 'refused_address'
        | 'dns'
        | 'connect'
        | 'tls'
        | 'server_certificate'
        | 'client_certificate'
        | 'timeout'
        | 'aborted'
        | 'connection_lost'
        | 'protocol'
        | 'headers_too_large'
        | 'response_too_large'
        | 'bad_encoding'
        | 'bad_request'
        | 'legacy_response'
        | 'internal'
        | undefined;
      readonly from?: string | undefined;
      readonly to?: string | undefined;
      readonly test?: string | undefined;
      readonly format?: 'json' | 'csv' | undefined;
      readonly limit?: string | undefined;
      readonly cursor?: string | undefined;
    };
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly id: string;
        readonly at: string;
        readonly action: string;
        readonly kind: 'webhook' | 'legacy-webhook';
        readonly sessionId: string | null;
        readonly test: boolean;
        readonly success: boolean;
        readonly statusCode: number | null;
        readonly durationMs: number;
        readonly attempts: number;
        readonly error: {
          readonly type:
            | 'arguments'
            | 'template'
            | 'authentication'
            | 'token'
            | 'refused_address'
            | 'dns'
            | 'connect'
            | 'tls'
            | 'server_certificate'
            | 'client_certificate'
            | 'timeout'
            | 'aborted'
            | 'connection_lost'
            | 'protocol'
            | 'headers_too_large'
            | 'response_too_large'
            | 'bad_encoding'
            | 'bad_request'
            | 'legacy_response'
            | 'internal';
          readonly message: string;
        } | null;
        readonly method: string | null;
        readonly url: string | null;
      }[];
      readonly next: string | null;
    };
  };
  'GET /v1/runs/summary': {
    readonly path: undefined;
    readonly query: {
      readonly organization?: string | undefined;
      readonly action?: string | undefined;
      readonly session?: string | undefined;
      readonly success?: string | undefined;
      readonly status?: '1xx' | '2xx' | '3xx' | '4xx' | '5xx' | 'none' | undefined;
      readonly error?:
        | 'arguments'
        | 'template'
        | 'authentication'
        | 'token'
        | 'refused_address'
        | 'dns'
        | 'connect'
        | 'tls'
        | 'server_certificate'
        | 'client_certificate'
        | 'timeout'
        | 'aborted'
        | 'connection_lost'
        | 'protocol'
        | 'headers_too_large'
        | 'response_too_large'
        | 'bad_encoding'
        | 'bad_request'
        | 'legacy_response'
        | 'internal'
        | undefined;
      readonly from?: string | undefined;
      readonly to?: string | undefined;
      readonly test?: string | undefined;
      readonly format?: 'json' | 'csv' | undefined;
    };
    readonly body: undefined;
    readonly reply: {
      readonly total: {
        readonly runs: number;
        readonly success: number;
        readonly failures: number;
        readonly meanDurationMs: number;
        readonly p95DurationMs: number;
      };
      readonly actions: Readonly<
        Record<
          string,
          {
            readonly runs: number;
            readonly success: number;
            readonly failures: number;
            readonly meanDurationMs: number;
            readonly p95DurationMs: number;
          }
        >
      >;
    };
  };
  'GET /v1/runs/{id}': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: { readonly id: string; readonly at: string };
  };
  'GET /v1/variables': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly { readonly name: string; readonly warnings: readonly string[] }[];
      readonly next: null;
    };
  };
  'PUT /v1/variables/{name}': {
    readonly path: { readonly name: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: { readonly value: string };
    readonly reply: { readonly name: string; readonly warnings: readonly string[] };
  };
  'DELETE /v1/variables/{name}': {
    readonly path: { readonly name: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: null;
  };
  'GET /v1/globals': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly { readonly name: string; readonly value: string | number | boolean }[];
      readonly next: null;
    };
  };
  'PUT /v1/globals/{name}': {
    readonly path: { readonly name: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: { readonly value: string | number | boolean };
    readonly reply: { readonly name: string; readonly value: string | number | boolean };
  };
  'DELETE /v1/globals/{name}': {
    readonly path: { readonly name: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: null;
  };
  'GET /v1/secrets': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly { readonly name: string; readonly usedBy: readonly string[] }[];
      readonly next: null;
    };
  };
  'PUT /v1/secrets/{name}': {
    readonly path: { readonly name: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: { readonly value: string };
    readonly reply: null;
  };
  'DELETE /v1/secrets/{name}': {
    readonly path: { readonly name: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: null;
  };
  'GET /v1/certificates': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly name: string;
        readonly subject: string;
        readonly issuer: string;
        readonly fingerprint: string;
        readonly keyType: string;
        readonly chainLength: number;
        readonly notBefore: string;
        readonly notAfter: string;
        readonly uploadedAt: string;
        readonly warnings: readonly string[];
        readonly usedBy: readonly string[];
      }[];
      readonly next: null;
    };
  };
  'PUT /v1/certificates/{name}': {
    readonly path: { readonly name: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: { readonly certificate: string; readonly key?: string; readonly password?: string };
    readonly reply: {
      readonly name: string;
      readonly subject: string;
      readonly issuer: string;
      readonly fingerprint: string;
      readonly keyType: string;
      readonly chainLength: number;
      readonly notBefore: string;
      readonly notAfter: string;
      readonly uploadedAt: string;
      readonly warnings: readonly string[];
      readonly usedBy: readonly string[];
    };
  };
  'DELETE /v1/certificates/{name}': {
    readonly path: { readonly name: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: null;
  };
  'PUT /v1/sessions/{id}/headers': {
    readonly path: { readonly id: string };
    readonly query: undefined;
    readonly body: { readonly headers: Readonly<Record<string, string>> };
    readonly reply: null;
  };
  'POST /v1/sessions/{id}/actions/{action}': {
    readonly path: { readonly id: string; readonly action: string };
    readonly query: undefined;
    readonly body: { readonly attributes?: Readonly<Record<string, unknown>> };
    readonly reply: {
      readonly success: boolean;
      readonly statusCode: number | null;
      readonly outputs: Readonly<Record<string, unknown>>;
      readonly error?: {
        readonly code:
          | 'arguments'
          | 'template'
          | 'authentication'
          | 'token'
          | 'refused_address'
          | 'dns'
          | 'connect'
          | 'tls'
          | 'server_certificate'
          | 'client_certificate'
          | 'timeout'
          | 'aborted'
          | 'connection_lost'
          | 'protocol'
          | 'headers_too_large'
          | 'response_too_large'
          | 'bad_encoding'
          | 'bad_request'
          | 'legacy_response'
          | 'internal';
        readonly message: string;
      };
      readonly durationMs: number;
    };
  };
  'PUT /v1/sessions/{id}/identity': {
    readonly path: { readonly id: string };
    readonly query: undefined;
    readonly body: { readonly authenticatedUser: string };
    readonly reply: null;
  };
  'POST /mcp': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: Readonly<Record<string, unknown>>;
    readonly reply: unknown;
  };
  'GET /mcp': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: string;
  };
  'GET /v1/api-keys': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly id: string;
        readonly name: string;
        readonly scopes: readonly string[];
        readonly createdAt: string;
        readonly createdBy: string;
        readonly expiresAt: string | null;
        readonly lastUsedAt: string | null;
      }[];
      readonly next: null;
    };
  };
  'POST /v1/api-keys': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: { readonly name: string; readonly scopes: readonly string[]; readonly expiresAt?: string };
    readonly reply: {
      readonly id: string;
      readonly name: string;
      readonly scopes: readonly string[];
      readonly createdAt: string;
      readonly createdBy: string;
      readonly expiresAt: string | null;
      readonly lastUsedAt: string | null;
      readonly key: string;
    };
  };
  'DELETE /v1/api-keys/{id}': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: null;
  };
  'GET /v1/webhooks': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly id: string;
        readonly url: string;
        readonly events: readonly (
          | 'phone_call.started'
          | 'phone_call.answered'
          | 'phone_call.transferred'
          | 'phone_call.transfer_failed'
          | 'phone_call.ended'
        )[];
        readonly createdAt: string;
      }[];
      readonly next: null;
    };
  };
  'POST /v1/webhooks': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: {
      readonly url: string;
      readonly events?: readonly (
        | 'phone_call.started'
        | 'phone_call.answered'
        | 'phone_call.transferred'
        | 'phone_call.transfer_failed'
        | 'phone_call.ended'
      )[];
    };
    readonly reply: {
      readonly id: string;
      readonly url: string;
      readonly events: readonly (
        | 'phone_call.started'
        | 'phone_call.answered'
        | 'phone_call.transferred'
        | 'phone_call.transfer_failed'
        | 'phone_call.ended'
      )[];
      readonly createdAt: string;
      readonly secret: string;
    };
  };
  'DELETE /v1/webhooks/{id}': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: null;
  };
  'POST /v1/webhooks/{id}/ping': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: {
      readonly ok: boolean;
      readonly status: number | null;
      readonly reason: string;
      readonly durationMs: number;
    };
  };
  'GET /v1/webhook-dead-letters': {
    readonly path: undefined;
    readonly query: {
      readonly organization?: string | undefined;
      readonly limit?: string | undefined;
      readonly cursor?: string | undefined;
    };
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly id: string;
        readonly endpointId: string;
        readonly event: string;
        readonly sessionId: string;
        readonly at: string;
        readonly failedAt: string;
        readonly reason: string;
      }[];
      readonly next: string | null;
    };
  };
  'POST /v1/webhook-dead-letters/{id}/resend': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: null;
  };
  'DELETE /v1/webhook-dead-letters/{id}': {
    readonly path: { readonly id: string };
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: null;
  };
  'GET /v1/quality': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: { readonly mos: Readonly<Record<string, number>> };
  };
  'GET /v1/sessions/{id}/quality': {
    readonly path: { readonly id: string };
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly legs: readonly {
        readonly leg: string;
        readonly points: readonly {
          readonly at: number;
          readonly mos: number | null;
          readonly jitterMs: number;
          readonly lossPercent: number;
          readonly roundTripMs: number | null;
          readonly remoteLossPercent: number | null;
        }[];
      }[];
    };
  };
  'GET /v1/sessions/{id}/pcap': {
    readonly path: { readonly id: string };
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: string;
  };
  'GET /v1/system/instances': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly id: string;
        readonly here: boolean;
        readonly beat: string;
        readonly state: {
          readonly version: string;
          readonly config: string;
          readonly startedAt: string;
          readonly calls: number;
          readonly legs: number;
          readonly portsFree: number;
          readonly sip: boolean;
          readonly draining: boolean;
          readonly memoryMb: number;
          readonly lagMs: number;
          readonly endpoints: readonly string[];
        } | null;
      }[];
      readonly next: null;
    };
  };
  'GET /v1/system/rejections': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly at: string;
        readonly reason: string;
        readonly rule: string;
        readonly status: number;
        readonly profile: string | null;
        readonly source: string;
        readonly requestUri: string;
        readonly sipCallId: string;
        readonly instance: string;
      }[];
      readonly next: null;
    };
  };
  'POST /v1/test-calls': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: {
      readonly number: string;
      readonly from?: string;
      readonly display?: string;
      readonly keys?: string;
      readonly say?: string;
      readonly seconds?: number;
    };
    readonly reply: {
      readonly id: string;
      readonly orgId: string;
      readonly ticketNumber: number;
      readonly agentId: string;
      readonly status: 'ringing' | 'active' | 'transferring' | 'transferred' | 'ended';
      readonly direction: 'inbound' | 'outbound';
      readonly caller: {
        readonly e164: string | null;
        readonly raw: string;
        readonly display: string | null;
        readonly withheld: boolean;
        readonly source?: 'zendesk';
      };
      readonly called: string;
      readonly contactId: string | null;
      readonly zendeskTicketId: string | null;
      readonly startedAt: string;
      readonly answeredAt: string | null;
      readonly endedAt: string | null;
      readonly endReason:
        | 'caller-hangup'
        | 'destination-hangup'
        | 'agent-hangup'
        | 'api-hangup'
        | 'cancelled'
        | 'rejected'
        | 'no-media'
        | 'max-duration'
        | 'drain'
        | 'instance-lost'
        | 'error'
        | null;
      readonly transfer: Readonly<Record<string, unknown>> | null;
      readonly attempts: number;
    };
  };
  'POST /v1/test-calls/{id}/keys': {
    readonly path: { readonly id: string };
    readonly query: undefined;
    readonly body: { readonly digits: string };
    readonly reply: null;
  };
  'DELETE /v1/test-calls/{id}': {
    readonly path: { readonly id: string };
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: null;
  };
  'GET /v1/recordings': {
    readonly path: undefined;
    readonly query: {
      readonly organization?: string | undefined;
      readonly limit?: string | undefined;
      readonly cursor?: string | undefined;
    };
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly session: {
          readonly id: string;
          readonly orgId: string;
          readonly ticketNumber: number;
          readonly agentId: string;
          readonly status: 'ringing' | 'active' | 'transferring' | 'transferred' | 'ended';
          readonly direction: 'inbound' | 'outbound';
          readonly caller: {
            readonly e164: string | null;
            readonly raw: string;
            readonly display: string | null;
            readonly withheld: boolean;
            readonly source?: 'zendesk';
          };
          readonly called: string;
          readonly contactId: string | null;
          readonly zendeskTicketId: string | null;
          readonly startedAt: string;
          readonly answeredAt: string | null;
          readonly endedAt: string | null;
          readonly endReason:
            | 'caller-hangup'
            | 'destination-hangup'
            | 'agent-hangup'
            | 'api-hangup'
            | 'cancelled'
            | 'rejected'
            | 'no-media'
            | 'max-duration'
            | 'drain'
            | 'instance-lost'
            | 'error'
            | null;
          readonly transfer: Readonly<Record<string, unknown>> | null;
          readonly attempts: number;
        };
        readonly parts: readonly {
          readonly part: number;
          readonly file: string;
          readonly startedAt: string;
          readonly bytes: number | null;
          readonly seconds: number | null;
        }[];
      }[];
      readonly next: string | null;
    };
  };
  'GET /v1/keys': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly active: string;
      readonly keys: readonly {
        readonly id: string;
        readonly active: boolean;
        readonly values: number;
        readonly kinds: Readonly<Record<string, number>>;
      }[];
      readonly rotation: {
        readonly running: boolean;
        readonly startedAt: string | null;
        readonly finishedAt: string | null;
        readonly moved: number;
        readonly unreadable: number;
        readonly error: string | null;
      };
    };
  };
  'POST /v1/keys/rotate': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: { readonly dryRun?: boolean };
    readonly reply: {
      readonly active: string;
      readonly keys: readonly {
        readonly id: string;
        readonly active: boolean;
        readonly values: number;
        readonly kinds: Readonly<Record<string, number>>;
      }[];
      readonly rotation: {
        readonly running: boolean;
        readonly startedAt: string | null;
        readonly finishedAt: string | null;
        readonly moved: number;
        readonly unreadable: number;
        readonly error: string | null;
      };
    };
  };
  'DELETE /v1/keys/{id}': {
    readonly path: { readonly id: string };
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: null;
  };
  'DELETE /v1/organizations/{id}': {
    readonly path: { readonly id: string };
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: null;
  };
  'GET /v1/profiles': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly name: string;
        readonly description: string;
        readonly country: string;
        readonly inbound: boolean;
        readonly sources: readonly string[];
      }[];
      readonly next: null;
    };
  };
  'GET /v1/profiles/{name}': {
    readonly path: { readonly name: string };
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly name: string;
      readonly shipped: boolean;
      readonly own: boolean;
      readonly document: Readonly<Record<string, unknown>>;
    };
  };
  'PUT /v1/profiles/{name}': {
    readonly path: { readonly name: string };
    readonly query: undefined;
    readonly body: {
      readonly name: string;
      readonly description?: string;
      readonly country?: string;
      readonly inbound?: {
        readonly enabled?: boolean;
        readonly sources?: readonly string[];
        readonly transports?: readonly ('udp' | 'tcp' | 'tls')[];
        readonly rateLimit?: { readonly perSecond: number; readonly burst: number } | null;
        readonly digest?: {
          readonly realm: string;
          readonly algorithms?: readonly ('MD5' | 'SHA-256')[];
          readonly users: readonly { readonly username: string; readonly password: string }[];
        } | null;
        readonly called?: {
          readonly from?: readonly ('request-uri' | 'to' | 'diversion')[];
          readonly format?: 'auto' | 'e164' | 'national';
          readonly stripPrefix?: string;
        };
        readonly calling?: {
          readonly from?: readonly ('p-asserted-identity' | 'remote-party-id' | 'from')[];
          readonly format?: 'auto' | 'e164' | 'national';
        };
      };
      readonly media?: {
        readonly security?: 'none' | 'optional' | 'required';
        readonly codecs?: readonly ('PCMU' | 'PCMA' | 'G722' | 'opus')[];
        readonly ranges?: readonly string[];
        readonly firstPacketTimeout?: number;
        readonly idleTimeout?: number;
        readonly dtmf?: 'rfc4733' | 'info' | 'both';
        readonly comfortNoise?: boolean;
        readonly inbandDtmf?: boolean;
      };
      readonly outbound?: {
        readonly peers?: readonly string[];
        readonly transport?: 'udp' | 'tcp' | 'tls' | null;
        readonly secureTransport?: 'tcp' | 'tls' | null;
        readonly callerId?: 'caller' | 'called';
        readonly assertedIdentity?: boolean;
        readonly diversion?: boolean;
        readonly headers?: { readonly add?: Readonly<Record<string, string>>; readonly drop?: readonly string[] };
        readonly ticketHeaders?: readonly string[];
        readonly digest?: { readonly username: string; readonly password: string } | null;
      };
      readonly refer?: { readonly send?: boolean; readonly accept?: boolean };
      readonly sessionTimer?: { readonly interval: number; readonly minimum: number } | null;
      readonly keepAlive?: { readonly target: string; readonly interval?: number } | null;
      readonly forwardHold?: boolean;
    };
    readonly reply: {
      readonly name: string;
      readonly shipped: boolean;
      readonly own: boolean;
      readonly document: Readonly<Record<string, unknown>>;
    };
  };
  'DELETE /v1/profiles/{name}': {
    readonly path: { readonly name: string };
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: null;
  };
  'POST /v1/profiles/reload': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly name: string;
        readonly description: string;
        readonly country: string;
        readonly inbound: boolean;
        readonly sources: readonly string[];
      }[];
      readonly next: null;
    };
  };
  'GET /v1/twilio/available-numbers': {
    readonly path: undefined;
    readonly query: {
      readonly country?: string | undefined;
      readonly kind?: 'local' | 'mobile' | 'tollFree' | undefined;
      readonly areaCode?: string | undefined;
      readonly contains?: string | undefined;
      readonly limit?: string | undefined;
    };
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly number: string;
        readonly name: string;
        readonly place: string | null;
        readonly country: string;
        readonly voice: boolean;
        readonly address: string;
      }[];
      readonly next: null;
    };
  };
  'GET /v1/twilio/numbers': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly number: string;
        readonly sid: string;
        readonly name: string;
        readonly trunkSid: string | null;
        readonly voiceUrl: string | null;
        readonly organization: string | null;
        readonly agent: string | null;
        readonly verified: boolean | null;
      }[];
      readonly next: null;
    };
  };
  'POST /v1/twilio/numbers': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: {
      readonly number: string;
      readonly name?: string;
      readonly by?: 'trunk' | 'webhook';
      readonly trunk?: string;
      readonly addressSid?: string;
      readonly bundleSid?: string;
    };
    readonly reply: {
      readonly number: string;
      readonly sid: string;
      readonly name: string;
      readonly trunkSid: string | null;
      readonly voiceUrl: string | null;
      readonly organization: string | null;
      readonly agent: string | null;
      readonly verified: boolean | null;
    };
  };
  'DELETE /v1/twilio/numbers/{number}': {
    readonly path: { readonly number: string };
    readonly query: { readonly force?: string | undefined };
    readonly body: undefined;
    readonly reply: null;
  };
  'POST /v1/twilio/verifications': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: {
      readonly number: string;
      readonly name?: string;
      readonly callDelay?: number;
      readonly extension?: string;
    };
    readonly reply:
      | {
          readonly number: string;
          readonly status: 'owned' | 'verified' | 'pending';
          readonly organization: string | null;
          readonly verified: boolean | null;
          readonly marked: boolean;
        }
      | { readonly number: string; readonly code: string; readonly callSid: string };
  };
  'POST /v1/twilio/verifications/{number}': {
    readonly path: { readonly number: string };
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly number: string;
      readonly status: 'owned' | 'verified' | 'pending';
      readonly organization: string | null;
      readonly verified: boolean | null;
      readonly marked: boolean;
    };
  };
  'PUT /v1/twilio/trunk': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: {
      readonly name?: string;
      readonly domain?: string;
      readonly origination?: string;
      readonly secure?: boolean;
      readonly transferMode?: 'disable-all' | 'enable-all' | 'sip-only';
      readonly username?: string;
      readonly password?: string;
      readonly numbers?: readonly string[];
    };
    readonly reply: {
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
  };
  'POST /twilio/voice': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: string;
  };
  'POST /twilio/status': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: null;
  };
  'POST /v1/system/checks': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly items: readonly {
        readonly name: string;
        readonly state: 'ok' | 'warning' | 'failed';
        readonly says: string;
      }[];
      readonly next: null;
    };
  };
  'GET /v1/events': {
    readonly path: undefined;
    readonly query: { readonly organization?: string | undefined };
    readonly body: undefined;
    readonly reply: string;
  };
  'GET /v1/sessions/{id}/events': {
    readonly path: { readonly id: string };
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: string;
  };
  'GET /livez': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: { readonly live: true };
  };
  'GET /readyz': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: {
      readonly ready: boolean;
      readonly version: string;
      readonly config: string;
      readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly reason?: string }[];
    };
  };
  'GET /metrics': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: string;
  };
  'GET /openapi.json': {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly reply: unknown;
  };
};
