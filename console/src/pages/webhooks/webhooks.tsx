import { useState } from 'react';
import type { Reply } from '../../api/client.js';
import { useDo, useRead } from '../../api/hooks.js';
import { useCan, useOrg } from '../../api/who.js';
import { Address } from '../../ui/breakable.js';
import { Button, Empty, Failure, Loading, Notice, PageHead } from '../../ui/elements.js';
import { Confirm } from '../../ui/forms.js';
import { Table } from '../../ui/table.js';
import { AddWebhook, eventWords, everyEvent } from './add-webhook.js';
import { DeadLetters } from './dead-letters.js';

const list = 'GET /v1/webhooks';
export type Endpoint = Reply<typeof list>['items'][number];

const Remove = ({ endpoint, onClose }: { endpoint: Endpoint; onClose: () => void }) => {
  const org = useOrg();
  const remove = useDo('DELETE /v1/webhooks/{id}', [list]);
  return (
    <Confirm
      title="Remove the webhook"
      submit="Remove"
      busy={remove.isPending}
      error={remove.error}
      onClose={onClose}
      onConfirm={() => remove.mutate({ path: { id: endpoint.id }, query: org }, { onSuccess: onClose })}
    >
      {endpoint.url} hears nothing more, and what waits for it is dropped.
    </Confirm>
  );
};

/** Sends a ping now and says what came of it. */
const Ping = ({ endpoint }: { endpoint: Endpoint }) => {
  const org = useOrg();
  const ping = useDo('POST /v1/webhooks/{id}/ping');
  const told = ping.data;
  return (
    <>
      <Button
        small
        disabled={ping.isPending}
        onClick={() => ping.mutate({ path: { id: endpoint.id }, query: org })}
        aria-label={`Send a ping to ${endpoint.url}`}
      >
        Send a ping
      </Button>
      <span role="status" className="small break">
        {told !== undefined &&
          (told.ok ? `Taken with ${told.status} in ${Math.round(told.durationMs)} ms` : told.reason)}
        {ping.error?.message}
      </span>
    </>
  );
};

const Endpoints = ({ items }: { items: readonly Endpoint[] }) => {
  const may = useCan()('webhooks:write');
  const [removing, setRemoving] = useState<Endpoint | null>(null);
  return (
    <>
      <Table
        label="Webhooks"
        rows={items}
        keyOf={({ id }) => id}
        columns={[
          { title: 'Address', cell: ({ url }) => <Address of={url} /> },
          {
            title: 'Is told when a call',
            cell: ({ events }) =>
              everyEvent.flatMap((each) => (events.includes(each) ? [eventWords[each]] : [])).join(', '),
          },
          {
            title: 'Actions',
            cell: (endpoint) =>
              may && (
                <div className="row end">
                  <Ping endpoint={endpoint} />
                  <Button
                    small
                    look="danger"
                    onClick={() => setRemoving(endpoint)}
                    aria-label={`Remove ${endpoint.url}`}
                  >
                    Remove
                  </Button>
                </div>
              ),
          },
        ]}
      />
      {removing !== null && <Remove endpoint={removing} onClose={() => setRemoving(null)} />}
    </>
  );
};

/** Systems of the organization that are told of calls, and what they could not be told. */
export const WebhooksPage = () => {
  const may = useCan()('webhooks:write');
  const read = useRead(list, { query: useOrg() });
  const [adding, setAdding] = useState(false);
  const items = read.data?.items;
  const add = may && (
    <Button look="primary" onClick={() => setAdding(true)}>
      Add a webhook
    </Button>
  );
  return (
    <>
      <PageHead title="Webhooks" about="Your own systems that are told of calls, signed and with retries">
        {items !== undefined && items.length > 0 && add}
      </PageHead>
      <Failure error={read.error} />
      {read.isPending && <Loading />}
      {items?.length === 0 && (
        <Empty title="No webhook yet" action={add}>
          Add the address of a system of yours that should know when calls begin, are answered, transferred or end.
        </Empty>
      )}
      {items !== undefined && items.length > 0 && <Endpoints items={items} />}
      {items !== undefined && <DeadLetters endpoints={items} />}
      {adding && <AddWebhook onClose={() => setAdding(false)} />}
      {!may && <Notice>Adding and removing webhooks is for administrators.</Notice>}
    </>
  );
};
