import { useState } from 'react';
import type { Reply } from '../../api/client.js';
import { useDo, useRead } from '../../api/hooks.js';
import { useCan, useOrg } from '../../api/who.js';
import { Button, Chip, Empty, Failure, Loading, PageHead } from '../../ui/elements.js';
import { Check, Confirm, Dialog, Field, Form, Select } from '../../ui/forms.js';
import { Table } from '../../ui/table.js';
import { TestCallDialog } from '../live/test-call.js';
import { TwilioNumbers } from './twilio.js';

type TelephoneNumber = Reply<'GET /v1/numbers'>['items'][number];
const list = 'GET /v1/numbers';

const NumberDialog = ({ given, onClose }: { given: TelephoneNumber | null; onClose: () => void }) => {
  const org = useOrg();
  const agents = useRead('GET /v1/agents', { query: org });
  const profiles = useRead('GET /v1/profiles', {});
  const [number, setNumber] = useState(given?.number ?? '');
  const [agent, setAgent] = useState(given?.agent ?? '');
  const [profile, setProfile] = useState(given?.profile ?? '');
  const [verified, setVerified] = useState(given?.verified ?? false);
  const create = useDo('POST /v1/numbers', [list]);
  const change = useDo('PUT /v1/numbers/{id}', [list]);
  const inbound = profiles.data?.items.filter((each) => each.inbound) ?? [];
  const body = {
    number,
    agent: agent === '' ? (agents.data?.items[0]?.id ?? '') : agent,
    profile: profile === '' ? (inbound[0]?.name ?? '') : profile,
    verified,
  };
  const send = (): void => {
    if (given === null) create.mutate({ query: org, body }, { onSuccess: onClose });
    else change.mutate({ path: { id: given.number }, query: org, body }, { onSuccess: onClose });
  };
  return (
    <Dialog title={given === null ? 'Add a number' : given.number} onClose={onClose}>
      <Form
        submit="Save"
        busy={create.isPending || change.isPending || number === ''}
        error={create.error ?? change.error}
        onSubmit={send}
        onCancel={onClose}
      >
        <Field
          label="Number"
          value={number}
          onValue={setNumber}
          readOnly={given !== null}
          placeholder="+14155550100"
          hint="With the country code."
        />
        <Select
          label="Agent that answers"
          value={body.agent}
          onValue={setAgent}
          options={agents.data?.items.map(({ id, name }) => [id, name ?? id] as const) ?? []}
        />
        <Select
          label="SIP profile"
          value={body.profile}
          onValue={setProfile}
          options={inbound.map(
            ({ name, description }) => [name, description === '' ? name : `${name}: ${description}`] as const,
          )}
          hint="The carrier the calls come from."
        />
        <Check label="The number is verified to be ours" checked={verified} onValue={setVerified} />
      </Form>
    </Dialog>
  );
};

const RemoveNumber = ({ number, onClose }: { number: string; onClose: () => void }) => {
  const org = useOrg();
  const remove = useDo('DELETE /v1/numbers/{id}', [list]);
  return (
    <Confirm
      title="Remove the number"
      submit="Remove"
      busy={remove.isPending}
      error={remove.error}
      onClose={onClose}
      onConfirm={() => remove.mutate({ path: { id: number }, query: org }, { onSuccess: onClose })}
    >
      Calls to {number} are refused from then on.
    </Confirm>
  );
};

export const NumbersPage = () => {
  const can = useCan();
  const may = can('numbers:write');
  const numbers = useRead(list, { query: useOrg() });
  const [open, setOpen] = useState<TelephoneNumber | 'new' | null>(null);
  const [removing, setRemoving] = useState<string | null>(null);
  const [calling, setCalling] = useState<string | null>(null);
  const add = may && (
    <Button look="primary" onClick={() => setOpen('new')}>
      Add a number
    </Button>
  );
  return (
    <>
      <PageHead title="Numbers" about="Which agent answers which number">
        {numbers.data !== undefined && numbers.data.items.length > 0 && add}
      </PageHead>
      <Failure error={numbers.error} />
      {numbers.isPending && <Loading />}
      {numbers.data?.items.length === 0 && (
        <Empty title="No number yet" action={add}>
          Add the number that people dial and the agent that answers it. Its calls must come over the SIP profile of its
          carrier.
        </Empty>
      )}
      {numbers.data !== undefined && numbers.data.items.length > 0 && (
        <Table
          label="Numbers"
          rows={numbers.data.items}
          keyOf={({ number }) => number}
          columns={[
            { title: 'Number', className: 'number', cell: ({ number }) => <strong>{number}</strong> },
            { title: 'Agent', cell: ({ agent }) => agent },
            { title: 'Profile', cell: ({ profile }) => <code>{profile}</code> },
            {
              title: 'Verified',
              cell: ({ verified }) =>
                verified === true ? (
                  <Chip tone="good">verified</Chip>
                ) : (
                  <Chip tone="warn">not verified: calls are refused</Chip>
                ),
            },
            {
              title: 'Actions',
              cell: (each) => (
                <div className="row end">
                  {can('calls:create') && (
                    <Button small onClick={() => setCalling(each.number)} aria-label={`Test call to ${each.number}`}>
                      Test call
                    </Button>
                  )}
                  {may && (
                    <>
                      <Button small onClick={() => setOpen(each)} aria-label={`Edit ${each.number}`}>
                        Edit
                      </Button>
                      <Button
                        small
                        look="danger"
                        onClick={() => setRemoving(each.number)}
                        aria-label={`Remove ${each.number}`}
                      >
                        Remove
                      </Button>
                    </>
                  )}
                </div>
              ),
            },
          ]}
        />
      )}
      {open !== null && <NumberDialog given={open === 'new' ? null : open} onClose={() => setOpen(null)} />}
      {removing !== null && <RemoveNumber number={removing} onClose={() => setRemoving(null)} />}
      {calling !== null && <TestCallDialog number={calling} onClose={() => setCalling(null)} />}
      {can('system:read') && <TwilioNumbers />}
    </>
  );
};
