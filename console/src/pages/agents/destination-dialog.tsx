import { useState } from 'react';
import { useDo, useRead } from '../../api/hooks.js';
import { useOrg } from '../../api/who.js';
import { Area, Confirm, Dialog, Field, Form, Select } from '../../ui/forms.js';
import { isRecord, parseJson, pretty } from '../../ui/json.js';
import type { Destination } from './agents.js';

const list = 'GET /v1/transfer-destinations';

export const RemoveDestination = ({ destination, onClose }: { destination: Destination; onClose: () => void }) => {
  const org = useOrg();
  const remove = useDo('DELETE /v1/transfer-destinations/{id}', [list]);
  const confirm = (): void => remove.mutate({ path: { id: destination.id }, query: org }, { onSuccess: onClose });
  return (
    <Confirm
      title="Remove the destination"
      submit="Remove"
      busy={remove.isPending}
      error={remove.error}
      onConfirm={confirm}
      onClose={onClose}
    >
      Nobody can be transferred to {destination.name} any more.
    </Confirm>
  );
};

const failures = [
  ['return', 'Back to the agent'],
  ['next', 'Try the next destination'],
  ['hangup', 'Hang up'],
] as const;

type Props = {
  readonly destination: Destination | null;
  readonly others: readonly Destination[];
  readonly onClose: () => void;
};

export const DestinationDialog = ({ destination, others, onClose }: Props) => {
  const org = useOrg();
  const [id, setId] = useState(destination?.id ?? '');
  const [name, setName] = useState(destination?.name ?? '');
  const [type, setType] = useState<'sip' | 'phone'>(destination?.type ?? 'sip');
  const [value, setValue] = useState(destination?.value ?? '');
  const [profile, setProfile] = useState(destination?.profile ?? '');
  const [trunk, setTrunk] = useState(destination?.trunk ?? '');
  const [ring, setRing] = useState(String(destination?.ringTimeout ?? 30));
  const [onFailure, setOnFailure] = useState<'return' | 'next' | 'hangup'>(destination?.onFailure ?? 'return');
  const [next, setNext] = useState(destination?.next ?? '');
  const [headers, setHeaders] = useState(pretty(destination?.headers ?? {}));
  const [fault, setFault] = useState<Error | null>(null);
  const profiles = useRead('GET /v1/profiles', {});
  const save = useDo('PUT /v1/transfer-destinations/{id}', [list]);
  const send = (): void => {
    const parsed = parseJson(headers);
    const good = parsed.ok && isRecord(parsed.value);
    setFault(good ? null : parsed.ok ? new Error('The headers must be a JSON object.') : parsed.error);
    if (!good) return;
    const body = {
      ...{ name, type, value, onFailure, ringTimeout: Number(ring) },
      profile: profile === '' ? null : profile,
      ...(type === 'phone' ? { trunk: trunk === '' ? null : trunk } : {}),
      next: next === '' ? null : next,
      headers: Object.fromEntries(Object.entries(parsed.value as object).map(([key, each]) => [key, String(each)])),
    };
    save.mutate({ path: { id }, query: org, body }, { onSuccess: onClose });
  };
  return (
    <Dialog title={destination === null ? 'Add a destination' : `Destination ${destination.name}`} onClose={onClose}>
      <Form
        submit="Save"
        busy={save.isPending || id === '' || name === ''}
        error={fault ?? save.error}
        onSubmit={send}
        onCancel={onClose}
      >
        <div className="fields">
          <Field label="Id" value={id} onValue={setId} readOnly={destination !== null} />
          <Field label="Name" value={name} onValue={setName} />
        </div>
        <div className="fields">
          <Select
            label="Kind"
            value={type}
            onValue={(each) => setType(each === 'phone' ? 'phone' : 'sip')}
            options={[
              ['sip', 'SIP line'],
              ['phone', 'Telephone'],
            ]}
          />
          <Select
            label="SIP profile"
            value={profile}
            onValue={setProfile}
            options={[
              ['', 'The default'],
              ...(profiles.data?.items.map((each) => [each.name, each.name] as const) ?? []),
            ]}
          />
        </div>
        <Field
          label={type === 'sip' ? 'SIP address' : 'Telephone number'}
          value={value}
          onValue={setValue}
          placeholder={type === 'sip' ? 'sip:line@acme.sip.twilio.com' : '+14155550199'}
        />
        {type === 'phone' && (
          <Field
            label="Trunk it is called through"
            value={trunk}
            onValue={setTrunk}
            placeholder="sip:acme.pstn.twilio.com"
          />
        )}
        <div className="fields">
          <Field label="Rings for, seconds" type="number" min={1} max={600} value={ring} onValue={setRing} />
          <Select
            label="When nobody answers"
            value={onFailure}
            onValue={(each) => setOnFailure(failures.find(([key]) => key === each)?.[0] ?? 'return')}
            options={failures}
          />
          {onFailure === 'next' && (
            <Select
              label="Next destination"
              value={next}
              onValue={setNext}
              options={[['', 'Choose one'], ...others.map((each) => [each.id, each.name] as const)]}
            />
          )}
        </div>
        <Area
          label="Further SIP headers"
          value={headers}
          onValue={setHeaders}
          rows={3}
          hint="As a JSON object of names and values."
        />
      </Form>
    </Dialog>
  );
};
