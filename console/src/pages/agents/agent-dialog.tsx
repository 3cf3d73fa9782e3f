import { useState } from 'react';
import { useDo, useRead } from '../../api/hooks.js';
import { useOrg } from '../../api/who.js';
import { Area, Check, Confirm, Dialog, Field, Form } from '../../ui/forms.js';
import { parseJson, pretty } from '../../ui/json.js';
import type { Agent, Destination } from './agents.js';

const firstLeg = { type: 'builtin', script: { steps: [{ say: 'Welcome.' }, { hangup: {} }] } };

const toggled = (list: readonly string[], id: string, on: boolean): readonly string[] =>
  on ? [...list, id] : list.filter((each) => each !== id);

export const RemoveAgent = ({ agent, onClose }: { agent: Agent; onClose: () => void }) => {
  const org = useOrg();
  const remove = useDo('DELETE /v1/agents/{id}', ['GET /v1/agents']);
  return (
    <Confirm
      title={`Remove ${agent.name ?? agent.id}`}
      submit="Remove"
      busy={remove.isPending}
      error={remove.error}
      onClose={onClose}
      onConfirm={() => remove.mutate({ path: { id: agent.id }, query: org }, { onSuccess: onClose })}
    >
      Calls that it has go on; a number that it answers must get another agent first.
    </Confirm>
  );
};

type Props = {
  readonly agent: Agent | null;
  readonly destinations: readonly Destination[];
  readonly onClose: () => void;
};

export const AgentDialog = ({ agent, destinations, onClose }: Props) => {
  const org = useOrg();
  const actions = useRead('GET /v1/actions', { query: org });
  const [id, setId] = useState(agent?.id ?? '');
  const [name, setName] = useState(agent?.name ?? '');
  const [leg, setLeg] = useState(pretty(agent?.leg ?? firstLeg));
  const [transfers, setTransfers] = useState<readonly string[]>(agent?.transferDestinations ?? []);
  const [tools, setTools] = useState<readonly string[]>(agent?.actions ?? []);
  const [record, setRecord] = useState(agent?.record ?? false);
  const save = useDo('PUT /v1/agents/{id}', ['GET /v1/agents']);
  const [fault, setFault] = useState<Error | null>(null);
  const send = (): void => {
    const parsed = parseJson(leg);
    setFault(parsed.ok ? null : parsed.error);
    if (!parsed.ok) return;
    // The gateway judges the leg and names what is wrong in it.
    const body = {
      name: name === '' ? id : name,
      leg: parsed.value as Agent['leg'],
      transferDestinations: transfers,
      actions: tools,
      record,
    };
    save.mutate({ path: { id }, query: org, body }, { onSuccess: onClose });
  };
  return (
    <Dialog title={agent === null ? 'Add an agent' : `Agent ${agent.id}`} onClose={onClose} wide>
      <Form
        submit="Save"
        busy={save.isPending || id === ''}
        error={fault ?? save.error}
        onSubmit={send}
        onCancel={onClose}
      >
        <div className="fields">
          <Field
            label="Id"
            value={id}
            onValue={setId}
            readOnly={agent !== null}
            hint="What numbers and documents call it."
          />
          <Field label="Name" value={name} onValue={setName} />
        </div>
        <Area
          label="Who talks"
          value={leg}
          onValue={setLeg}
          rows={9}
          hint="The leg as JSON: type builtin with a script, livekit with agentName, or websocket with url."
        />
        <fieldset className="field">
          <legend>May transfer to</legend>
          {destinations.length === 0 && <span className="muted">There is no destination yet.</span>}
          {destinations.map((each) => (
            <Check
              key={each.id}
              label={each.name}
              checked={transfers.includes(each.id)}
              onValue={(on) => setTransfers(toggled(transfers, each.id, on))}
            />
          ))}
        </fieldset>
        <fieldset className="field">
          <legend>Actions it has as tools</legend>
          {actions.data?.items.length === 0 && <span className="muted">There is no action yet.</span>}
          {actions.data?.items.map((each) => (
            <Check
              key={each.id}
              label={each.name}
              checked={tools.includes(each.id)}
              onValue={(on) => setTools(toggled(tools, each.id, on))}
            />
          ))}
        </fieldset>
        <Check label="Record its calls" checked={record} onValue={setRecord} />
      </Form>
    </Dialog>
  );
};
