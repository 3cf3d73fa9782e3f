import { useState } from 'react';
import type { Reply } from '../../api/client.js';
import { useDo } from '../../api/hooks.js';
import { useOrg } from '../../api/who.js';
import { Button, Card, Chip, Facts, Failure } from '../../ui/elements.js';
import { Dialog, Field, Form } from '../../ui/forms.js';
import { isRecord, parseJson, pretty } from '../../ui/json.js';
import { attributesIn, type Draft, definitionOf } from './draft.js';
import { messageText } from './http-text.js';

type Result = Reply<'POST /v1/actions/test'>;

/** What a value typed into the panel means: JSON where it is JSON, else the text itself. */
const meant = (text: string): unknown => {
  const parsed = parseJson(text);
  return parsed.ok ? parsed.value : text;
};

const Part = ({ title, value }: { title: string; value: unknown }) =>
  value === undefined || value === null ? null : (
    <div className="stack-small">
      <h3>{title}</h3>
      <pre>{typeof value === 'string' ? value : pretty(value)}</pre>
    </div>
  );

const timingWords: Readonly<Record<string, string>> = {
  dns: 'Name lookup',
  connect: 'Connection',
  tls: 'TLS',
  firstByte: 'First byte',
  total: 'In all',
};

/** What was sent and what came back, all of it as text. */
export const RunResult = ({ result }: { result: Readonly<Record<string, unknown>> }) => {
  const { success, statusCode, outputs, error, request, response, timing, notes, aiText } = result;
  const times = Object.entries(isRecord(timing) ? timing : {}).filter(([, each]) => typeof each === 'number');
  return (
    <div className="stack">
      <div className="row">
        <Chip tone={success === true ? 'good' : 'bad'}>{success === true ? 'succeeded' : 'failed'}</Chip>
        <Chip>{typeof statusCode === 'number' ? `status ${statusCode}` : 'no answer'}</Chip>
      </div>
      {isRecord(error) && typeof error.message === 'string' && <p className="break">{error.message}</p>}
      <Part title="Remarks" value={Array.isArray(notes) && notes.length > 0 ? notes.join('\n') : null} />
      <Part title="What the AI is told" value={aiText} />
      <Part title="Outputs" value={outputs} />
      <Part title="What was sent" value={messageText(request)} />
      <Part title="What came back" value={messageText(response)} />
      {times.length > 0 && (
        <Facts
          of={times.map(
            ([name, each]) => [timingWords[name] ?? name, `${Math.round(Number(each) * 10) / 10} ms`] as const,
          )}
        />
      )}
    </div>
  );
};

/** Runs the action as it stands in the builder, saved or not, with values for this run only. */
export const TestPanel = ({ draft }: { draft: Draft }) => {
  const org = useOrg();
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const [fault, setFault] = useState<Error | null>(null);
  const [apart, setApart] = useState(false);
  const test = useDo('POST /v1/actions/test');
  const names = attributesIn(draft);
  const run = (): void => {
    const made = definitionOf(draft);
    setFault(made.ok ? null : made.error);
    if (!made.ok) return;
    const attributes = Object.fromEntries(names.map((name) => [name, meant(values[name] ?? '')]));
    test.mutate({ query: org, body: { definition: made.definition, attributes } });
  };
  const result: Result | undefined = test.data;
  return (
    <Card
      title="Test"
      aside={
        result !== undefined && (
          <Button small onClick={() => setApart(true)}>
            Pop out
          </Button>
        )
      }
    >
      <div className="stack">
        <Form submit="Run" busy={test.isPending} error={null} onSubmit={run}>
          {names.length === 0 && <p className="muted">The templates read no attributes.</p>}
          {names.map((name) => (
            <Field
              key={name}
              label={name}
              value={values[name] ?? ''}
              onValue={(value) => setValues({ ...values, [name]: value })}
            />
          ))}
        </Form>
        <Failure error={fault ?? test.error} />
        {result !== undefined && <RunResult result={result} />}
      </div>
      {apart && result !== undefined && (
        <Dialog title="What the test gave" wide onClose={() => setApart(false)}>
          <RunResult result={result} />
        </Dialog>
      )}
    </Card>
  );
};
