import { useState } from 'react';
import { useRead } from '../../api/hooks.js';
import { useCan } from '../../api/who.js';
import { Address } from '../../ui/breakable.js';
import { Button, Card, Chip, Failure, Loading, PageHead } from '../../ui/elements.js';
import { Table } from '../../ui/table.js';
import { dayAndTime, Since } from '../../ui/time.js';
import { figuresIn } from './figures.js';
import { samplesIn } from './metrics-text.js';

/** What is good or not, in the words of who looks. */
const checkNames: Readonly<Record<string, string>> = {
  redis: 'Redis answers',
  sip: 'SIP is served',
  livekit: 'LiveKit answers',
  draining: 'Takes new calls',
};

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
            <strong>{checkNames[check.name] ?? check.name}</strong>
            {check.reason !== undefined && <span className="break">{check.reason}</span>}
          </li>
        ))}
      </ul>
      {read.data !== undefined && (
        <p className="muted small foot-note">
          This instance has version {read.data.version} and the settings <code>{read.data.config}</code>.
        </p>
      )}
    </Card>
  );
};

const Instances = () => {
  const read = useRead('GET /v1/system/instances', {}, { refetchInterval: 10_000 });
  const settings = read.data?.items.find(({ here }) => here)?.state?.config;
  return (
    <Card title="Instances">
      <Failure error={read.error} />
      {read.isPending && <Loading />}
      {read.data !== undefined && (
        <Table
          label="Instances"
          rows={read.data.items}
          keyOf={({ id }) => id}
          columns={[
            {
              title: 'Instance',
              cell: ({ id, here }) => (
                <span>
                  <code>{id.slice(0, 8)}</code> {here && <Chip>this one</Chip>}
                </span>
              ),
            },
            {
              title: 'State',
              cell: ({ state }) =>
                state === null ? (
                  <Chip tone="bad">does not answer</Chip>
                ) : state.draining ? (
                  <Chip tone="warn">ends when its calls have ended</Chip>
                ) : (
                  <Chip tone={state.sip ? 'good' : 'bad'}>{state.sip ? 'takes calls' : 'has no SIP'}</Chip>
                ),
            },
            {
              title: 'Settings',
              cell: ({ state }) =>
                state === null ? (
                  ''
                ) : state.config === settings ? (
                  <code>{state.config}</code>
                ) : (
                  <Chip tone="warn">{state.config} differs</Chip>
                ),
            },
            { title: 'Calls', className: 'figure', cell: ({ state }) => state?.calls ?? 'not known' },
            { title: 'Ports free', className: 'figure', cell: ({ state }) => state?.portsFree ?? 'not known' },
            {
              title: 'Memory',
              className: 'figure',
              cell: ({ state }) => (state === null ? '' : `${state.memoryMb} MB`),
            },
            { title: 'Lag', className: 'figure', cell: ({ state }) => (state === null ? '' : `${state.lagMs} ms`) },
            {
              title: 'Up for',
              className: 'figure',
              cell: ({ state, beat }) =>
                state === null ? `last heard ${dayAndTime(beat)}` : <Since from={state.startedAt} to={null} />,
            },
            {
              title: 'Listens at',
              cell: ({ state }) => (
                <span className="stack-tight">
                  {state?.endpoints.map((each) => (
                    <Address key={each} of={each} />
                  ))}
                </span>
              ),
            },
          ]}
        />
      )}
    </Card>
  );
};

/** A call that was let in and then refused by what it asked for has no shorter reason than its rule. */
const nameOf = (reason: string): string => (reason === 'call' ? 'call refused' : reason);

/** Calls that were turned away, with the rule that did it: what is looked for when “nobody can call us”. */
const Rejections = () => {
  const read = useRead('GET /v1/system/rejections', {}, { refetchInterval: 10_000 });
  const [reason, setReason] = useState('');
  const items = read.data?.items ?? [];
  const reasons = [...new Set(items.map((each) => each.reason))].sort();
  const rows = items.filter((each) => reason === '' || each.reason === reason);
  return (
    <Card title="Rejected calls">
      <div className="stack">
        <Failure error={read.error} />
        {read.isPending && <Loading />}
        {read.data !== undefined && items.length === 0 && (
          <p className="muted">No call has been turned away since the gateway started.</p>
        )}
        {reasons.length > 1 && (
          <div className="row">
            <Button small look={reason === '' ? 'primary' : 'plain'} onClick={() => setReason('')}>
              All {items.length}
            </Button>
            {reasons.map((each) => (
              <Button
                key={each}
                small
                look={reason === each ? 'primary' : 'plain'}
                aria-pressed={reason === each}
                onClick={() => setReason(each)}
              >
                {nameOf(each)} {items.filter((item) => item.reason === each).length}
              </Button>
            ))}
          </div>
        )}
        {rows.length > 0 && (
          <Table
            label="Rejected calls"
            rows={rows}
            keyOf={({ at, sipCallId }) => `${at} ${sipCallId}`}
            columns={[
              { title: 'At', className: 'number', cell: ({ at }) => dayAndTime(at) },
              {
                title: 'Answer and rule',
                cell: ({ status, reason: why, rule }) => (
                  <span className="stack-tight">
                    <span>
                      <Chip tone="bad">{`${status} ${nameOf(why)}`}</Chip>
                    </span>
                    <span className="break">{rule}</span>
                  </span>
                ),
              },
              {
                title: 'From',
                cell: ({ source, profile }) => (
                  <span className="stack-tight">
                    <Address of={source} />
                    {profile !== null && <span className="muted small break">{profile}</span>}
                  </span>
                ),
              },
              { title: 'Asked for', cell: ({ requestUri }) => <Address of={requestUri} /> },
            ]}
          />
        )}
      </div>
    </Card>
  );
};

const Metrics = () => {
  const read = useRead('GET /metrics', {}, { refetchInterval: 10_000 });
  const figures = typeof read.data === 'string' ? figuresIn(samplesIn(read.data)) : [];
  return (
    <Card title="Metrics at a glance" aside={<a href="/metrics">All of them</a>}>
      <Failure error={read.error} />
      <dl className="figures">
        {figures.map(({ title, value }) => (
          <div key={title}>
            <dt>{title}</dt>
            <dd className="number">{value.toLocaleString()}</dd>
          </div>
        ))}
      </dl>
      <p className="muted small">Of this instance since it started.</p>
    </Card>
  );
};

/** A credential without a name is called after its kind: saying it once is enough. */
const whoOf = (who: string): string => /^(\S+) \1$/.exec(who)?.[1] ?? who;

const Audit = () => {
  const read = useRead('GET /v1/system/audit', { query: { limit: '20' } });
  return (
    <Card title="Last changes to the system">
      <Failure error={read.error} />
      {read.data?.items.length === 0 && <p className="muted">Nothing was changed yet.</p>}
      <ul className="stack-small">
        {read.data?.items.map((entry) => (
          <li key={entry.id} className="break">
            <span className="muted number">{dayAndTime(entry.at)}</span> {whoOf(entry.who)}:{' '}
            {entry.changes.length === 0 ? entry.request : entry.changes.join(', ')}
          </li>
        ))}
      </ul>
    </Card>
  );
};

export const SystemPage = () => {
  const can = useCan();
  return (
    <>
      <PageHead
        title="System"
        about="Whether calls can come in, which instances take them, and which were turned away"
      />
      <Readiness />
      {can('system:read') ? (
        <>
          <Instances />
          <Rejections />
        </>
      ) : (
        <p className="muted">Instances, rejected calls and metrics are for operators.</p>
      )}
      {can('metrics:read') && <Metrics />}
      {can('system:read') && <Audit />}
    </>
  );
};
