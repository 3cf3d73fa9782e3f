import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { ApiError, type Operation, type Reply } from './api/client.js';
import { WhoProvider } from './api/who.js';
import { liveKey, type Session } from './app/live.js';
import { inWords, type TimelineEntry, timelineTypes } from './app/timeline-words.js';
import { ActionPage } from './pages/actions/action.js';
import { type Action, ActionsPage } from './pages/actions/actions.js';
import { RunResult } from './pages/actions/test-panel.js';
import { AgentsPage } from './pages/agents/agents.js';
import { CallPage } from './pages/call/call.js';
import { EndedPage } from './pages/live/ended.js';
import { LivePage } from './pages/live/live.js';
import { NumbersPage } from './pages/numbers/numbers.js';
import { RunsPage } from './pages/runs/runs.js';
import { SystemPage } from './pages/system/system.js';
import { VaultPage } from './pages/vault/vault.js';
import { WebhooksPage } from './pages/webhooks/webhooks.js';
import { ZendeskPage } from './pages/zendesk/zendesk.js';
import { Copy, Failure } from './ui/elements.js';
import { Confirm, Field } from './ui/forms.js';

/** Text from outside that becomes a script wherever it is taken for markup, an attribute or an address. */
const bad = (place: string): string =>
  `<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>'" onclick="window.hurt=1" javascript:hurt() ${place}`;

/** As a browser reads the text of a page: what is markup in it is gone, what was written as text is whole. */
const textOf = (markup: string): string =>
  markup
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#x27;', "'")
    .replaceAll('&amp;', '&');

const permissions = [
  ...['sessions', 'runs', 'agents', 'destinations', 'actions', 'numbers', 'credentials', 'webhooks'].flatMap((each) => [
    `${each}:read`,
    `${each}:write`,
  ]),
  ...['sessions:hangup', 'sessions:transfer', 'recordings:read', 'calls:create', 'system:read', 'metrics:read'],
];
const query = { organization: 'acme' };
const at = '2026-11-30T08:00:00.000Z';
const id = '00000000-0000-4000-8000-000000000001';

type Known = readonly [key: readonly unknown[], data: unknown];
/** An answer of the gateway; typed, so that a field that is new is not forgotten. */
const known = <O extends Operation>(operation: O, input: object, data: Reply<O>): Known => [[operation, input], data];

const draw = (page: ReactElement, answers: readonly Known[] = []): string => {
  const client = new QueryClient();
  for (const [key, data] of answers) client.setQueryData(key, data);
  const who = { kind: 'dashboard', sub: 'x', role: 'operator', organization: 'acme', permissions } as const;
  return renderToStaticMarkup(
    <QueryClientProvider client={client}>
      <WhoProvider value={{ who, organization: 'acme' }}>{page}</WhoProvider>
    </QueryClientProvider>,
  );
};

const session: Session = {
  ...{ id, orgId: 'acme', ticketNumber: 1, agentId: bad('agent id'), status: 'active', direction: 'inbound' },
  caller: { e164: null, raw: bad('caller number'), display: bad('caller name'), withheld: false },
  ...{ called: bad('called number'), contactId: id, zendeskTicketId: bad('ticket'), startedAt: at, answeredAt: at },
  ...{ endedAt: null, endReason: null, transfer: null, attempts: 1 },
};

const told = (type: TimelineEntry['type'], data: Readonly<Record<string, unknown>>): TimelineEntry => ({
  ...{ at, type, data },
});
const timeline = [
  told('prefetch.stamped', { ticketId: '5', subject: bad('subject') }),
  told('transfer.started', {
    ...{ attempt: '1', destination: { id: 'desk', name: bad('destination name') }, from: bad('From') },
    ...{ fromReason: bad('reason of From'), headers: { [bad('header name')]: bad('header value') } },
    ...{ ticketId: bad('ticket of transfer'), summary: bad('summary') },
  }),
  told('transfer.ringing', { destination: 'desk', sipStatus: 180, reason: bad('reason phrase'), afterMs: 3 }),
  told('transfer.failed', { outcome: bad('outcome'), sipStatus: 486, reason: bad('failure'), hint: bad('hint') }),
];

const run: Reply<'GET /v1/runs'>['items'][number] = {
  ...{ id, at, action: bad('action slug'), kind: 'webhook', sessionId: id, test: false, success: false },
  ...{ statusCode: null, durationMs: 1, attempts: 1, method: 'GET', url: 'https://a.test' },
  error: { type: 'dns', message: bad('action error') },
};

const action: Action = {
  ...{ id: 'order', name: bad('action name'), description: bad('action description'), kind: 'webhook' },
  ...{ method: bad('method'), url: bad('action address'), inputs: [], warnings: [bad('warning')], fault: bad('fault') },
  ...{ expectedLatencyMs: null, tool: null },
  definition: { url: bad('definition'), headers: { a: bad('header of an action') }, body: bad('body') },
};

const certificate = {
  ...{ name: bad('certificate name'), subject: bad('certificate subject'), issuer: bad('certificate issuer') },
  ...{ fingerprint: '', keyType: 'rsa', chainLength: 1, notBefore: at, notAfter: at, uploadedAt: at },
  ...{ warnings: [bad('certificate warning')], usedBy: [bad('certificate user')] },
};

const pages: readonly (readonly [string, ReactElement, readonly Known[], readonly string[]])[] = [
  [
    'live calls',
    <LivePage key="page" />,
    [[liveKey('acme'), [session]], known('GET /v1/quality', { query }, { mos: { [id]: 4 } })],
    ['caller number', 'caller name', 'called number', 'agent id', 'ticket'],
  ],
  [
    'ended calls',
    <EndedPage key="page" />,
    [
      [
        ['ended calls', { ...query, live: 'false', limit: '250', caller: '', ticket: '' }],
        { pages: [{ items: [{ ...session, status: 'ended', endedAt: at }], next: null }], pageParams: [''] },
      ],
    ],
    ['caller number', 'caller name', 'called number', 'agent id', 'ticket'],
  ],
  [
    'a call',
    <CallPage key="page" id={id} />,
    [
      known('GET /v1/sessions/{id}', { path: { id } }, { ...session, recordings: [], timeline }),
      known(
        'GET /v1/contacts/{id}',
        { path: { id }, query },
        {
          ...{ id, name: bad('contact name'), email: bad('e-mail'), phone: bad('telephone'), externalId: null },
          zendeskUserId: bad('Zendesk user'),
          custom_data: { [bad('field name')]: bad('field value'), nested: JSON.stringify({ a: bad('nested value') }) },
        },
      ),
      [
        ['GET /v1/sessions/{id}/ladder', { path: { id } }],
        {
          entries: [
            {
              ...{ at: 1, direction: 'in', transport: bad('transport'), remote: bad('remote'), label: bad('label') },
              ...{ startLine: bad('start line'), message: bad('SIP message'), request: true },
            },
          ],
          dropped: 0,
        },
      ],
      known('GET /v1/runs', { query: { ...query, session: id } }, { items: [run], next: null }),
      known(
        'GET /v1/sessions/{id}/quality',
        { path: { id } },
        {
          legs: [
            {
              leg: bad('leg'),
              points: [{ at: 1, mos: 4, jitterMs: 1, lossPercent: 0, roundTripMs: null, remoteLossPercent: null }],
            },
          ],
        },
      ),
    ],
    [
      ...['caller number', 'caller name', 'called number', 'agent id', 'ticket', 'subject'],
      ...['destination name', 'From', 'reason of From', 'header name', 'header value', 'ticket of transfer', 'summary'],
      ...['reason phrase', 'outcome', 'failure', 'hint', 'contact name', 'e-mail', 'telephone', 'Zendesk user'],
      ...['field name', 'field value', 'nested value', 'remote', 'label', 'start line', 'SIP message', 'leg'],
      ...['action slug', 'action error'],
    ],
  ],
  [
    'agents and destinations',
    <AgentsPage key="page" />,
    [
      known(
        'GET /v1/agents',
        { query },
        {
          items: [
            {
              ...{ id: bad('agent id'), name: bad('agent name'), leg: { type: 'websocket', url: bad('bot') } },
              ...{
                transferDestinations: [bad('unknown destination')],
                actions: [bad('tool')],
                fallback: bad('fallback'),
              },
            },
          ],
          next: null,
        },
      ),
      known(
        'GET /v1/transfer-destinations',
        { query },
        {
          items: [{ id: 'desk', name: bad('destination name'), type: 'sip', value: bad('SIP address') }],
          next: null,
        },
      ),
    ],
    ['agent id', 'agent name', 'unknown destination', 'tool', 'fallback', 'destination name', 'SIP address'],
  ],
  [
    'numbers',
    <NumbersPage key="page" />,
    [
      known(
        'GET /v1/numbers',
        { query },
        {
          items: [{ number: bad('number'), agent: bad('agent'), profile: bad('profile') }],
          next: null,
        },
      ),
      known(
        'GET /v1/twilio/numbers',
        {},
        {
          items: [
            {
              ...{
                number: bad('owned number'),
                sid: 'PN1',
                name: bad('friendly name'),
                trunkSid: null,
                voiceUrl: null,
              },
              ...{ organization: bad('organization'), agent: bad('agent of another'), verified: null },
            },
          ],
          next: null,
        },
      ),
    ],
    ['number', 'agent', 'profile', 'owned number', 'friendly name', 'organization', 'agent of another'],
  ],
  [
    'actions',
    <ActionsPage key="page" />,
    [known('GET /v1/actions', { query }, { items: [action], next: null })],
    ['action name', 'action description', 'method', 'action address'],
  ],
  [
    'an action',
    <ActionPage key="page" id="order" />,
    [known('GET /v1/actions/{id}', { path: { id: 'order' }, query }, action)],
    ['action name', 'warning', 'fault', 'body', 'header of an action'],
  ],
  [
    'a legacy action',
    <ActionPage key="page" id="order" />,
    [known('GET /v1/actions/{id}', { path: { id: 'order' }, query }, { ...action, kind: 'legacy-webhook' })],
    ['definition'],
  ],
  [
    'a result of an action',
    <RunResult
      key="page"
      result={{
        ...{ success: false, statusCode: 500, outputs: { [bad('output name')]: bad('output') } },
        ...{ error: { message: bad('error') }, notes: [bad('remark')], aiText: bad('told to the AI') },
        request: {
          method: bad('method'),
          url: bad('address'),
          headers: [['X', bad('header sent')]],
          body: bad('sent'),
        },
        response: { headers: [[bad('header name'), bad('header')]], body: bad('raw body') },
      }}
    />,
    [],
    [
      ...['error', 'remark', 'told to the AI', 'method', 'address', 'header sent', 'sent', 'header name', 'header'],
      'raw body',
    ],
  ],
  [
    'run history',
    <RunsPage key="page" />,
    [[['runs', { ...query, action: '', session: '' }], { pages: [{ items: [run], next: null }], pageParams: [''] }]],
    ['action slug'],
  ],
  [
    'variables and secrets',
    <VaultPage key="page" />,
    [
      known(
        'GET /v1/variables',
        { query },
        { items: [{ name: bad('variable'), warnings: [bad('note')] }], next: null },
      ),
      known('GET /v1/secrets', { query }, { items: [{ name: bad('secret'), usedBy: [bad('user')] }], next: null }),
      known('GET /v1/certificates', { query }, { items: [certificate], next: null }),
    ],
    [
      ...['variable', 'note', 'secret', 'user', 'certificate name', 'certificate subject', 'certificate issuer'],
      ...['certificate warning', 'certificate user'],
    ],
  ],
  [
    'Zendesk',
    <ZendeskPage key="page" />,
    [
      known(
        'GET /v1/zendesk/check',
        { query },
        {
          ...{ organization: 'acme', zendesk: bad('address'), credentials: { ok: false, message: bad('credentials') } },
          webhook: {
            url: bad('webhook'),
            expiresAt: at,
            signed: false,
            body: bad('body'),
            conditions: [bad('condition')],
          },
          status: { ok: false, at, kind: null, message: bad('status') },
          deliveries: [
            {
              ...{ at, status: 200, success: false, message: bad('delivery'), ticketId: bad('delivered ticket') },
              ...{ sessionId: null, invocation: null, took: 1 },
            },
          ],
          problems: [bad('problem')],
        },
      ),
    ],
    [
      ...[
        'address',
        'credentials',
        'webhook',
        'body',
        'condition',
        'status',
        'delivery',
        'delivered ticket',
        'problem',
      ],
    ],
  ],
  [
    'webhooks',
    <WebhooksPage key="page" />,
    [
      known(
        'GET /v1/webhooks',
        { query },
        { items: [{ id, url: bad('webhook'), events: [], createdAt: at }], next: null },
      ),
      [
        ['GET /v1/webhook-dead-letters', 'pages', query],
        {
          pages: [
            {
              items: [
                {
                  ...{ id: '1', endpointId: id, event: bad('event'), sessionId: bad('session') },
                  ...{ at, failedAt: at, reason: bad('reason') },
                },
              ],
              next: null,
            },
          ],
          pageParams: [''],
        },
      ],
    ],
    ['webhook', 'event', 'reason'],
  ],
  [
    'system',
    <SystemPage key="page" />,
    [
      known(
        'GET /readyz',
        {},
        {
          ready: false,
          version: bad('version'),
          config: bad('config'),
          checks: [{ name: bad('check'), ok: false, reason: bad('why') }],
        },
      ),
      known(
        'GET /v1/system/instances',
        {},
        {
          items: [
            {
              ...{ id: '12345678', here: true, beat: at },
              state: {
                ...{
                  version: '1',
                  config: bad('config'),
                  startedAt: at,
                  calls: 0,
                  legs: 0,
                  portsFree: 1,
                  sip: true,
                  draining: false,
                },
                ...{ memoryMb: 1, lagMs: 1, endpoints: [bad('endpoint')] },
              },
            },
          ],
          next: null,
        },
      ),
      known(
        'GET /v1/system/rejections',
        {},
        {
          items: [
            {
              ...{
                at,
                reason: bad('reason'),
                rule: bad('rule'),
                status: 404,
                profile: bad('profile'),
                source: bad('source'),
              },
              ...{ requestUri: bad('request URI'), sipCallId: 'a', instance: 'b' },
            },
          ],
          next: null,
        },
      ),
      [['GET /metrics', {}], `voice_gateway_live 1\n${bad('metric')} 2\n`],
      known(
        'GET /v1/system/audit',
        { query: { limit: '20' } },
        {
          items: [
            {
              ...{ id: '1', at, who: bad('who'), role: 'admin', action: 'a', request: 'b', changes: [bad('change')] },
              ...{ remote: 'c', requestId: 'd' },
            },
          ],
          next: null,
        },
      ),
    ],
    ['version', 'check', 'why', 'endpoint', 'reason', 'rule', 'profile', 'source', 'request URI', 'who', 'change'],
  ],
  [
    'a failure',
    <Failure
      key="page"
      error={new ApiError(400, 'x', bad('sentence'), [{ path: bad('path'), message: bad('detail') }])}
    />,
    [],
    ['sentence', 'path', 'detail'],
  ],
  ['text to copy', <Copy key="page" text={bad('copied')} label={bad('label')} />, [], ['copied']],
  [
    'a question',
    <Confirm
      key="page"
      title={bad('title')}
      submit="Remove"
      busy={false}
      error={null}
      onConfirm={() => {}}
      onClose={() => {}}
    >
      {bad('question')}
    </Confirm>,
    [],
    ['title', 'question'],
  ],
];

describe('text of others is text', () => {
  it.each(pages)('in %s', (_, page, answers, places) => {
    const markup = draw(page, answers);
    expect(markup).not.toMatch(/<img(?! src="\/console)|<script/i);
    // Attributes that hold text of others: none is one of a script, and each link stays in the gateway.
    expect(markup.replace(/="[^"]*"/g, '')).not.toMatch(/<[^>]*\son\w+/i);
    for (const [, address] of markup.matchAll(/href="([^"]*)"/g)) expect(address).toMatch(/^[/#]/);
    const text = textOf(markup);
    // What is shown as JSON has its quotes escaped.
    const json = (place: string): string => JSON.stringify(bad(place)).slice(1, -1);
    for (const place of places) {
      expect([place, text.includes(bad(place)) || text.includes(json(place))]).toEqual([place, true]);
    }
  });

  it('in a field, whose value stays in its attribute', () => {
    const markup = draw(<Field label={bad('label')} value={bad('value')} onValue={() => {}} hint={bad('hint')} />);
    expect(markup).not.toMatch(/<img|<script/i);
    expect(markup.replace(/="[^"]*"/g, '')).not.toMatch(/<[^>]*\son\w+/i);
  });

  it.each(timelineTypes)('in the words of %s', (type) => {
    const names = [
      'reason',
      'detail',
      'agent',
      'text',
      'prompt',
      'file',
      'outcome',
      'digit',
      'leg',
      'kind',
      'ticketId',
    ];
    const more = ['subject', 'with', 'message', 'action', 'statusCode', 'destination', 'name', 'sipReason', 'relay'];
    const data = Object.fromEntries([...names, ...more].map((each) => [each, bad(each)]));
    expect(typeof inWords({ type, data })).toBe('string');
    const markup = draw(<span>{inWords({ type, data })}</span>);
    expect(markup).not.toMatch(/<img|<script/i);
  });
});
