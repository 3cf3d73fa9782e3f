import { useMemo, useState } from 'react';
import { useDo, useRead } from '../../api/hooks.js';
import { useCan, useOrg } from '../../api/who.js';
import { go, Link } from '../../app/router.js';
import { Button, Failure, Loading, Notice, PageHead, Tabs } from '../../ui/elements.js';
import { Area, Confirm, Field, Form, Select } from '../../ui/forms.js';
import { TemplateField } from '../../ui/template-field.js';
import type { Action } from './actions.js';
import { attributesIn, type Draft, definitionOf, draftOf, given, suppliedBy } from './draft.js';
import { TestPanel } from './test-panel.js';

const list = 'GET /v1/actions';
const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].map((method) => [method, method] as const);

type PartProps = {
  readonly draft: Draft;
  readonly set: (part: Partial<Draft>) => void;
  /** What may stand in braces. */
  readonly attributes: readonly string[];
};

const Request = ({ draft, set, attributes }: PartProps) => (
  <div className="stack">
    <TemplateField
      label="Address"
      attributes={attributes}
      value={draft.url}
      onValue={(url) => set({ url })}
      placeholder="https://shop.example/orders/{order_id}"
      hint="https: only. Attributes stand in braces: write { and choose."
    />
    <div className="fields">
      <Select label="Method" value={draft.method} onValue={(method) => set({ method })} options={methods} />
      <Field
        label="Time limit, seconds"
        type="number"
        min={1}
        max={60}
        value={draft.timeout}
        onValue={(timeout) => set({ timeout })}
        placeholder="10"
      />
    </div>
    <TemplateField
      label="Headers"
      attributes={attributes}
      value={draft.headers}
      onValue={(headers) => set({ headers })}
      rows={3}
      hint='As JSON: { "X-Shop": "{global.shop}" }.'
    />
    <TemplateField
      label="Body"
      attributes={attributes}
      value={draft.body}
      onValue={(body) => set({ body })}
      rows={5}
      hint="JSON with attributes in double quotes; empty for none."
    />
    <Area
      label="What the AI supplies"
      value={draft.parameters}
      onValue={(parameters) => set({ parameters })}
      rows={5}
      hint="JSON Schema of the arguments; empty: made from the attributes of the templates."
    />
  </div>
);

const Response = ({ draft, set }: Omit<PartProps, 'attributes'>) => (
  <Area
    label="What becomes of the answer"
    value={draft.response}
    onValue={(response) => set({ response })}
    rows={14}
    hint='By group of statuses, with JMESPath: { "2xx": { "action_success": "status == `shipped`", "outputs": { "order_state": "status" } } }.'
  />
);

const Auth = ({ draft, set, attributes }: PartProps) => (
  <TemplateField
    attributes={attributes}
    label="How it proves who it is"
    value={draft.auth}
    onValue={(auth) => set({ auth })}
    rows={12}
    hint='Type none, header, mtls or oauth2: { "type": "header", "headers": { "Authorization": "Bearer {secret.shop}" } }. Credentials shown as bullets stay as they are.'
  />
);

/** Names of secrets, for those who may know them: authentication alone can read their values. */
const useSecrets = (): readonly string[] => {
  const allowed = useCan()('credentials:read');
  const read = useRead('GET /v1/secrets', { query: useOrg() }, { enabled: allowed });
  return read.data?.items.map(({ name }) => `secret.${name}`) ?? [];
};

const useAttributes = (draft: Draft): readonly string[] =>
  useMemo(() => [...new Set([...suppliedBy(draft), ...attributesIn(draft), ...given])], [draft]);

const Builder = ({ action }: { action: Action | null }) => {
  const org = useOrg();
  const may = useCan()('actions:write');
  const [draft, setDraft] = useState<Draft>(draftOf(action?.definition ?? { method: 'GET' }));
  const [fault, setFault] = useState<Error | null>(null);
  const [removing, setRemoving] = useState(false);
  const create = useDo('POST /v1/actions', [list]);
  const change = useDo('PUT /v1/actions/{id}', [list, 'GET /v1/actions/{id}']);
  const remove = useDo('DELETE /v1/actions/{id}', [list]);
  const set = (part: Partial<Draft>): void => setDraft((before) => ({ ...before, ...part }));
  const save = (): void => {
    const made = definitionOf(draft);
    setFault(made.ok ? null : made.error);
    if (!made.ok) return;
    const body = made.definition;
    if (action === null) create.mutate({ query: org, body }, { onSuccess: ({ id }) => go(`/actions/${id}`) });
    else change.mutate({ path: { id: action.id }, query: org, body });
  };
  const attributes = useAttributes(draft);
  const secrets = useSecrets();
  const tabs = [
    { id: 'request', title: 'Request', content: <Request {...{ draft, set, attributes }} /> },
    { id: 'response', title: 'Response', content: <Response draft={draft} set={set} /> },
    { id: 'auth', title: 'Auth', content: <Auth {...{ draft, set }} attributes={[...attributes, ...secrets]} /> },
  ];
  return (
    <div className="columns">
      <div className="card">
        <Form
          submit="Save"
          busy={!may || create.isPending || change.isPending || draft.name === ''}
          error={fault ?? create.error ?? change.error}
          onSubmit={save}
          aside={
            may &&
            action !== null && (
              <Button look="danger" onClick={() => setRemoving(true)}>
                Remove
              </Button>
            )
          }
        >
          {change.isSuccess && <Notice tone="good">Saved.</Notice>}
          <div className="stack-small">
            <Field
              label="Name"
              value={draft.name}
              onValue={(name) => set({ name })}
              maxLength={60}
              hint={
                action === null
                  ? 'Shown to the AI; its slug becomes the name of the tool.'
                  : `The tool is ${action.id}.`
              }
            />
            <Field
              label="Description"
              value={draft.description}
              onValue={(description) => set({ description })}
              maxLength={120}
              hint="Tells the AI when to use it."
            />
          </div>
          <Tabs label="Parts of the action" tabs={tabs} />
        </Form>
        {removing && action !== null && (
          <Confirm
            title={`Remove ${action.name}`}
            submit="Remove"
            busy={remove.isPending}
            error={remove.error}
            onClose={() => setRemoving(false)}
            onConfirm={() =>
              remove.mutate({ path: { id: action.id }, query: org }, { onSuccess: () => go('/actions') })
            }
          >
            Agents cannot use it any more.
          </Confirm>
        )}
      </div>
      {may && <TestPanel draft={draft} />}
    </div>
  );
};

const Legacy = ({ action }: { action: Action }) => {
  const org = useOrg();
  const may = useCan()('actions:write');
  const convert = useDo('POST /v1/actions/{id}/convert', [list, 'GET /v1/actions/{id}']);
  return (
    <div className="card stack">
      <p>
        This is a Legacy Webhook Action: its request and answer have a fixed form. It goes on working; as a webhook
        action it can be edited here.
      </p>
      <pre>{JSON.stringify(action.definition, null, 2)}</pre>
      <Failure error={convert.error} />
      {may && (
        <div className="row">
          <Button
            look="primary"
            disabled={convert.isPending}
            onClick={() => convert.mutate({ path: { id: action.id }, query: org })}
          >
            Make it a webhook action
          </Button>
        </div>
      )}
    </div>
  );
};

export const ActionPage = ({ id }: { id: string }) => {
  const isNew = id === 'new';
  const read = useRead('GET /v1/actions/{id}', { path: { id }, query: useOrg() }, { enabled: !isNew });
  const action = read.data ?? null;
  return (
    <>
      <PageHead title={isNew ? 'New action' : (action?.name ?? 'Action')}>
        <Link to="/actions">All actions</Link>
      </PageHead>
      <Failure error={read.error} />
      {!isNew && read.isPending && <Loading />}
      {action?.fault != null && <Notice tone="bad">{action.fault}</Notice>}
      {action !== null && action.warnings.length > 0 && (
        <Notice tone="warn">
          <ul>
            {action.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </Notice>
      )}
      {action?.kind === 'legacy-webhook' ? (
        <Legacy action={action} />
      ) : (
        (isNew || action !== null) && <Builder action={action} key={`${action?.id} ${action?.kind}`} />
      )}
    </>
  );
};
