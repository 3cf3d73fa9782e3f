import { useRead } from '../../api/hooks.js';
import { useCan } from '../../api/who.js';
import { Card, Chip, Failure, Loading, PageHead } from '../../ui/elements.js';
import { Table } from '../../ui/table.js';
import { dayAndTime } from '../../ui/time.js';
import { samplesIn } from './metrics-text.js';

const Readiness = () => {
  const read = useRead('GET /readyz', {}, { refetchInterval: 10_000 });
  return (
    <Card
      title="Readiness"
      aside={
        read.data !== undefined && (
          <Chip tone={read.data.ready ? 'good' : 'bad'}>{read.data.ready ? 'takes calls' : 'takes no calls'}</Chip>
        )
      }
    >
      <Failure error={read.error} />
      {read.isPending && <Loading />}
      <ul className="stack-small">
        {read.data?.checks.map((check) => (
          <li key={check.name} className="row">
            <Chip tone={check.ok ? 'good' : 'bad'}>{check.ok ? 'good' : 'not good'}</Chip>
            <strong>{check.name}</strong>
            {check.reason !== undefined && <span className="break">{check.reason}</span>}
          </li>
        ))}
      </ul>
      {read.data !== undefined && <p className="muted small">Version {read.data.version}, this instance.</p>}
    </Card>
  );
};

/** What to look for when calls of a reason are refused: the pages of the rules are in the documentation. */
const Numbers = () => {
  const read = useRead('GET /metrics', {}, { refetchInterval: 10_000 });
  const samples = typeof read.data === 'string' ? samplesIn(read.data) : [];
  const rejects = samples.filter(({ name, value }) => name === 'voice_gateway_rejects_total' && value > 0);
  const plain = samples.filter(
    ({ name, labels }) =>
      name.startsWith('voice_gateway_') && Object.keys(labels).length === 0 && !/_(bucket|sum|count)$/.test(name),
  );
  return (
    <>
      <Failure error={read.error} />
      <Card title="Rejected calls">
        {rejects.length === 0 ? (
          <p className="muted">This instance has rejected no call since its start.</p>
        ) : (
          <Table
            label="Rejected calls"
            rows={rejects}
            keyOf={({ labels }) => `${labels.reason} ${labels.profile}`}
            columns={[
              { title: 'Reason', cell: ({ labels }) => <code className="break">{labels.reason}</code> },
              { title: 'Profile', cell: ({ labels }) => <code>{labels.profile}</code> },
              { title: 'Calls', className: 'number', cell: ({ value }) => value },
            ]}
          />
        )}
        <p className="muted small">
          Each refusal is a line “call rejected” in the log, with the rule it broke. What to do about each is in
          docs/reference/refusals.md.
        </p>
      </Card>
      <Card title="Metrics at a glance">
        <Table
          label="Metrics"
          rows={plain}
          keyOf={({ name }) => name}
          columns={[
            { title: 'Metric', cell: ({ name }) => <code className="break">{name}</code> },
            { title: 'Value', className: 'number', cell: ({ value }) => Math.round(value * 1_000) / 1_000 },
          ]}
        />
      </Card>
    </>
  );
};

const Audit = () => {
  const read = useRead('GET /v1/system/audit', { query: { limit: '20' } });
  return (
    <Card title="Last changes to the system">
      <Failure error={read.error} />
      {read.data?.items.length === 0 && <p className="muted">Nothing was changed yet.</p>}
      <ul className="stack-small">
        {read.data?.items.map((entry) => (
          <li key={entry.id} className="break">
            <span className="muted number">{dayAndTime(entry.at)}</span> {entry.who}:{' '}
            {entry.changes.length === 0 ? entry.request : entry.changes.join(', ')}
          </li>
        ))}
      </ul>
    </Card>
  );
};

export const SystemPage = () => {
  const can = useCan();
  const operator = can('metrics:read');
  return (
    <>
      <PageHead title="System" about="This instance of the gateway" />
      <Readiness />
      {operator ? <Numbers /> : <p className="muted">Metrics and rejected calls are for operators.</p>}
      {can('system:read') && <Audit />}
    </>
  );
};
