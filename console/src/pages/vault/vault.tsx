import { useState } from 'react';
import { useDo, useRead } from '../../api/hooks.js';
import { useCan, useOrg } from '../../api/who.js';
import { Button, Card, Chip, Failure, Loading, PageHead } from '../../ui/elements.js';
import { Area, Confirm, Dialog, Field, Form } from '../../ui/forms.js';
import { Table } from '../../ui/table.js';
import { dayAndTime } from '../../ui/time.js';

type Kind = 'variables' | 'secrets';
type Named = { readonly name: string; readonly about: string };

const words = {
  variables: {
    title: 'Global variables',
    one: 'variable',
    about: 'Headers that every action sends, the value as it is written here.',
    name: 'Name of the header',
  },
  secrets: {
    title: 'Secrets',
    one: 'secret',
    about: 'Texts that the authentication of an action reads as {secret.name}.',
    name: 'Name',
  },
} as const;

const useSave = (kind: Kind) => {
  const variable = useDo('PUT /v1/variables/{name}', ['GET /v1/variables']);
  const secret = useDo('PUT /v1/secrets/{name}', ['GET /v1/secrets']);
  return kind === 'variables' ? variable : secret;
};
const useRemove = (kind: Kind) => {
  const variable = useDo('DELETE /v1/variables/{name}', ['GET /v1/variables']);
  const secret = useDo('DELETE /v1/secrets/{name}', ['GET /v1/secrets']);
  return kind === 'variables' ? variable : secret;
};

const SetDialog = ({ kind, name: given, onClose }: { kind: Kind; name: string; onClose: () => void }) => {
  const org = useOrg();
  const [name, setName] = useState(given);
  const [value, setValue] = useState('');
  const save = useSave(kind);
  const { one, name: label } = words[kind];
  return (
    <Dialog title={given === '' ? `Add a ${one}` : `New value of ${given}`} onClose={onClose}>
      <Form
        submit="Save"
        busy={save.isPending || name === '' || value === ''}
        error={save.error}
        onCancel={onClose}
        onSubmit={() => save.mutate({ path: { name }, query: org, body: { value } }, { onSuccess: onClose })}
      >
        <Field label={label} value={name} onValue={setName} readOnly={given !== ''} />
        <Field
          label="Value"
          type="password"
          value={value}
          onValue={setValue}
          hint="It is sealed and cannot be read again, by anybody."
        />
      </Form>
    </Dialog>
  );
};

const Remove = ({ kind, name, onClose }: { kind: Kind; name: string; onClose: () => void }) => {
  const org = useOrg();
  const remove = useRemove(kind);
  return (
    <Confirm
      title={`Remove ${name}`}
      submit="Remove"
      busy={remove.isPending}
      error={remove.error}
      onClose={onClose}
      onConfirm={() => remove.mutate({ path: { name }, query: org }, { onSuccess: onClose })}
    >
      The next call of an action goes without it.
    </Confirm>
  );
};

const Values = ({ kind, items }: { kind: Kind; items: readonly Named[] }) => {
  const may = useCan()('credentials:write');
  const [setting, setSetting] = useState<string | null>(null);
  const [removing, setRemoving] = useState<string | null>(null);
  const { title, one, about } = words[kind];
  return (
    <Card
      title={title}
      aside={
        may && (
          <Button small onClick={() => setSetting('')}>
            Add a {one}
          </Button>
        )
      }
    >
      <div className="stack-small">
        <p className="muted">{about}</p>
        {items.length > 0 && (
          <Table
            label={title}
            rows={items}
            keyOf={({ name }) => name}
            columns={[
              { title: 'Name', cell: ({ name }) => <code className="break">{name}</code> },
              { title: 'Value', cell: () => '••••••••' },
              {
                title: kind === 'secrets' ? 'Used by' : 'Remarks',
                cell: (each) => <span className="break">{each.about}</span>,
              },
              {
                title: 'Actions',
                cell: ({ name }) =>
                  may && (
                    <div className="row end">
                      <Button small onClick={() => setSetting(name)} aria-label={`New value of ${name}`}>
                        New value
                      </Button>
                      <Button small look="danger" onClick={() => setRemoving(name)} aria-label={`Remove ${name}`}>
                        Remove
                      </Button>
                    </div>
                  ),
              },
            ]}
          />
        )}
        {items.length === 0 && <p className="muted">There is none yet.</p>}
      </div>
      {setting !== null && <SetDialog kind={kind} name={setting} onClose={() => setSetting(null)} />}
      {removing !== null && <Remove kind={kind} name={removing} onClose={() => setRemoving(null)} />}
    </Card>
  );
};

const Upload = ({ onClose }: { onClose: () => void }) => {
  const org = useOrg();
  const [name, setName] = useState('');
  const [certificate, setCertificate] = useState('');
  const [key, setKey] = useState('');
  const [password, setPassword] = useState('');
  const save = useDo('PUT /v1/certificates/{name}', ['GET /v1/certificates']);
  const body = { certificate, ...(key === '' ? {} : { key }), ...(password === '' ? {} : { password }) };
  return (
    <Dialog title="Upload a certificate" onClose={onClose} wide>
      <Form
        submit="Upload"
        busy={save.isPending || name === '' || certificate === ''}
        error={save.error}
        onCancel={onClose}
        onSubmit={() => save.mutate({ path: { name }, query: org, body }, { onSuccess: onClose })}
      >
        <Field label="Name" value={name} onValue={setName} hint="Actions refer to it as {secret.name}." />
        <Area
          label="Certificate"
          value={certificate}
          onValue={setCertificate}
          hint="PEM as text, or P12, PFX or DER as base64."
        />
        <Area label="Private key" value={key} onValue={setKey} hint="Empty when it is in the file above." />
        <Field label="Password" type="password" value={password} onValue={setPassword} />
      </Form>
    </Dialog>
  );
};

const RemoveCertificate = ({ name, onClose }: { name: string; onClose: () => void }) => {
  const org = useOrg();
  const remove = useDo('DELETE /v1/certificates/{name}', ['GET /v1/certificates']);
  return (
    <Confirm
      title={`Remove ${name}`}
      submit="Remove"
      busy={remove.isPending}
      error={remove.error}
      onClose={onClose}
      onConfirm={() => remove.mutate({ path: { name }, query: org }, { onSuccess: onClose })}
    >
      Actions that prove with it who they are cannot run any more.
    </Confirm>
  );
};

const Certificates = () => {
  const may = useCan()('credentials:write');
  const read = useRead('GET /v1/certificates', { query: useOrg() });
  const [uploading, setUploading] = useState(false);
  const [removing, setRemoving] = useState<string | null>(null);
  return (
    <Card
      title="Client certificates"
      aside={
        may && (
          <Button small onClick={() => setUploading(true)}>
            Upload a certificate
          </Button>
        )
      }
    >
      <Failure error={read.error} />
      {read.data?.items.length === 0 && <p className="muted">There is none yet. Actions with mutual TLS need one.</p>}
      {read.data !== undefined && read.data.items.length > 0 && (
        <Table
          label="Client certificates"
          rows={read.data.items}
          keyOf={({ name }) => name}
          columns={[
            { title: 'Name', cell: ({ name }) => <code className="break">{name}</code> },
            {
              title: 'Subject',
              cell: ({ subject, issuer }) => (
                <span className="stack-tight">
                  <span className="break">{subject}</span>
                  <span className="muted small break">issued by {issuer}</span>
                </span>
              ),
            },
            {
              title: 'Expires',
              cell: ({ notAfter, warnings }) => (
                <span className="stack-tight">
                  <span>
                    <Chip tone={warnings.length > 0 ? 'warn' : 'good'}>{dayAndTime(notAfter)}</Chip>
                  </span>
                  {warnings.map((warning) => (
                    <span key={warning} className="muted small break">
                      {warning}
                    </span>
                  ))}
                </span>
              ),
            },
            {
              title: 'Used by',
              cell: ({ usedBy }) => (
                <span className="break">{usedBy.length === 0 ? 'no action' : usedBy.join(', ')}</span>
              ),
            },
            {
              title: 'Actions',
              cell: ({ name }) =>
                may && (
                  <div className="row end">
                    <Button small look="danger" onClick={() => setRemoving(name)} aria-label={`Remove ${name}`}>
                      Remove
                    </Button>
                  </div>
                ),
            },
          ]}
        />
      )}
      {uploading && <Upload onClose={() => setUploading(false)} />}
      {removing !== null && <RemoveCertificate name={removing} onClose={() => setRemoving(null)} />}
    </Card>
  );
};

export const VaultPage = () => {
  const org = useOrg();
  const variables = useRead('GET /v1/variables', { query: org });
  const secrets = useRead('GET /v1/secrets', { query: org });
  return (
    <>
      <PageHead title="Variables & secrets" about="Values go in and never come out" />
      <Failure error={variables.error ?? secrets.error} />
      {variables.data === undefined || secrets.data === undefined ? (
        variables.isPending && <Loading />
      ) : (
        <>
          <Values
            kind="variables"
            items={variables.data.items.map(({ name, warnings }) => ({
              name,
              about: warnings.length === 0 ? 'none' : warnings.join(' '),
            }))}
          />
          <Values
            kind="secrets"
            items={secrets.data.items.map(({ name, usedBy }) => ({
              name,
              about: usedBy.length === 0 ? 'no action' : usedBy.join(', '),
            }))}
          />
          <Certificates />
        </>
      )}
    </>
  );
};
