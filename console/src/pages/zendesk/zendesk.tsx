import { useState } from 'react';
import type { Reply } from '../../api/client.js';
import { useDo, useRead } from '../../api/hooks.js';
import { useCan, useOrg } from '../../api/who.js';
import { callPath } from '../../app/addresses.js';
import { Link } from '../../app/router.js';
import { Button, Card, Chip, Copy, Empty, Facts, Failure, Loading, Notice, PageHead } from '../../ui/elements.js';
import { Confirm, Dialog, Field, Form, Select } from '../../ui/forms.js';
import { Table } from '../../ui/table.js';
import { dayAndTime } from '../../ui/time.js';

type ZendeskCheck = Reply<'GET /v1/zendesk/check'>;
const check = 'GET /v1/zendesk/check';

const Connect = ({ organization, onClose }: { organization: string; onClose: () => void }) => {
  const [subdomain, setSubdomain] = useState('');
  const [address, setAddress] = useState('');
  const [kind, setKind] = useState<'oauth' | 'apiToken'>('oauth');
  const [user, setUser] = useState('');
  const [secret, setSecret] = useState('');
  const save = useDo('PUT /v1/organizations/{id}/document', [check]);
  const place = address.trim() === '' ? { subdomain: subdomain.trim() } : { baseUrl: address.trim() };
  const auth =
    kind === 'oauth'
      ? ({ type: 'oauth', clientId: user.trim(), clientSecret: secret } as const)
      : ({ type: 'apiToken', email: user.trim(), token: secret } as const);
  const send = (): void =>
    save.mutate(
      { path: { id: organization }, body: { organization: { id: organization, zendesk: { ...place, auth } } } },
      { onSuccess: onClose },
    );
  return (
    <Dialog title="Connect Zendesk" onClose={onClose}>
      <Form
        submit="Connect"
        busy={save.isPending || (subdomain === '' && address === '') || user === '' || secret === ''}
        error={save.error}
        onSubmit={send}
        onCancel={onClose}
      >
        <Field
          label="Subdomain"
          value={subdomain}
          onValue={setSubdomain}
          placeholder="acme"
          hint="The name before .zendesk.com."
        />
        <Select
          label="Credentials"
          value={kind}
          onValue={(each) => setKind(each === 'oauth' ? 'oauth' : 'apiToken')}
          options={[
            ['oauth', 'OAuth client'],
            ['apiToken', 'API token'],
          ]}
          hint="Zendesk makes no new API tokens from 27 October 2026 on: an OAuth client lasts."
        />
        <div className="fields">
          {kind === 'oauth' ? (
            <>
              <Field label="Client id" value={user} onValue={setUser} />
              <Field label="Client secret" type="password" value={secret} onValue={setSecret} />
            </>
          ) : (
            <>
              <Field label="E-mail of the user" type="email" value={user} onValue={setUser} />
              <Field label="API token" type="password" value={secret} onValue={setSecret} />
            </>
          )}
        </div>
        <Field
          label="Another address"
          value={address}
          onValue={setAddress}
          placeholder="https://support.example.com"
          hint="Instead of the subdomain, where Zendesk answers under a name of your own."
        />
        <p className="muted small">Credentials are sealed and never shown again.</p>
      </Form>
    </Dialog>
  );
};

const Renew = ({ onClose }: { onClose: () => void }) => {
  const org = useOrg();
  const renew = useDo('POST /backend/zendesk-v2/voice-prefetch-url/regenerate', [check]);
  return (
    <Confirm
      title="A new webhook address"
      submit="Make a new one"
      busy={renew.isPending}
      error={renew.error}
      onClose={onClose}
      onConfirm={() => renew.mutate({ query: org }, { onSuccess: onClose })}
    >
      The address that is in Zendesk now stops working at once; paste the new one there.
    </Confirm>
  );
};

const Deliveries = ({ deliveries }: { deliveries: ZendeskCheck['deliveries'] }) => (
  <Card title="Last webhooks">
    {deliveries.length === 0 ? (
      <p className="muted">
        No webhook has arrived in the last week. Set webhook and trigger up as above, then place a call.
      </p>
    ) : (
      <Table
        label="Last webhooks"
        rows={deliveries}
        keyOf={({ at, invocation }) => `${at} ${invocation}`}
        columns={[
          { title: 'At', className: 'number', cell: ({ at }) => dayAndTime(at) },
          { title: 'Answer', cell: ({ success, status }) => <Chip tone={success ? 'good' : 'warn'}>{status}</Chip> },
          { title: 'Ticket', className: 'number', cell: ({ ticketId }) => ticketId ?? 'none' },
          {
            title: 'What was said',
            cell: ({ message, sessionId }) => (
              <span>
                <span className="break">{message}</span>
                {sessionId !== null && (
                  <>
                    {' '}
                    <Link to={callPath(sessionId)}>The call</Link>
                  </>
                )}
              </span>
            ),
          },
          { title: 'Took', className: 'figure', cell: ({ took }) => `${Math.round(took)} ms` },
        ]}
      />
    )}
  </Card>
);

const Setup = ({ found }: { found: ZendeskCheck }) => {
  const may = useCan()('prefetch:regenerate');
  const [asking, setAsking] = useState(false);
  const { webhook } = found;
  return (
    <Card
      title="Webhook and trigger"
      aside={
        may && (
          <Button small onClick={() => setAsking(true)}>
            New address
          </Button>
        )
      }
    >
      <div className="stack">
        <div className="stack-small">
          <h3>1. In Zendesk, make a webhook with this address (POST, JSON)</h3>
          <Copy text={webhook.url} label="the address" />
          <p className="muted small">
            It is a credential; it is good until {dayAndTime(webhook.expiresAt)}.{' '}
            {webhook.signed
              ? 'Signatures are checked.'
              : 'Signatures are not checked: set webhookSigningSecret in the document.'}
          </p>
        </div>
        <div className="stack-small">
          <h3>2. Make a trigger with all of these conditions</h3>
          <Copy text={webhook.conditions.join('\n')} label="the conditions" />
        </div>
        <div className="stack-small">
          <h3>3. Let it notify the webhook with this body</h3>
          <Copy text={webhook.body} label="the body" />
        </div>
      </div>
      {asking && <Renew onClose={() => setAsking(false)} />}
    </Card>
  );
};

export const ZendeskPage = () => {
  const org = useOrg();
  const may = useCan()('document:write');
  const read = useRead(check, { query: org });
  const [connecting, setConnecting] = useState(false);
  const found = read.data;
  return (
    <>
      <PageHead title="Zendesk" about="Tickets and contacts of callers">
        {found?.zendesk != null && (
          <Button disabled={read.isFetching} onClick={() => void read.refetch()}>
            Check again
          </Button>
        )}
        {may && found?.zendesk != null && (
          <Button look="primary" onClick={() => setConnecting(true)}>
            Change the connection
          </Button>
        )}
      </PageHead>
      <Failure error={read.error} />
      {read.isPending && <Loading />}
      {found?.zendesk === null && (
        <Empty
          title="Not connected to Zendesk"
          action={
            may && (
              <Button look="primary" onClick={() => setConnecting(true)}>
                Connect Zendesk
              </Button>
            )
          }
        >
          Connected, calls get the ticket that Zendesk makes of them, callers the name and the fields that Zendesk has
          of them, and human agents the ticket with the call. Its address and an OAuth client or API token are all it
          needs.
        </Empty>
      )}
      {found !== undefined && found.zendesk !== null && (
        <>
          {found.problems.length === 0 ? (
            <Notice tone="good">All is well.</Notice>
          ) : (
            <Notice tone="warn">
              {found.problems.length === 1 ? (
                found.problems
              ) : (
                <ul>
                  {found.problems.map((problem) => (
                    <li key={problem}>{problem}</li>
                  ))}
                </ul>
              )}
            </Notice>
          )}
          <Card title="Connection">
            <Facts
              of={[
                ['Zendesk', found.zendesk ?? 'not connected'],
                [
                  'Credentials',
                  <span key="c">
                    {found.credentials.ok ? <Chip tone="good">accepted</Chip> : <Chip tone="bad">refused</Chip>}{' '}
                    {found.credentials.message}
                  </span>,
                ],
                ...(found.status === null
                  ? []
                  : [
                      [
                        'Last contact',
                        `${dayAndTime(found.status.at)}${found.status.message === null ? '' : `: ${found.status.message}`}`,
                      ] as const,
                    ]),
              ]}
            />
          </Card>
          <Setup found={found} />
          <Deliveries deliveries={found.deliveries} />
        </>
      )}
      {connecting && (
        <Connect organization={found?.organization ?? org.organization ?? ''} onClose={() => setConnecting(false)} />
      )}
    </>
  );
};
