import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { addressOf, call, type Reply } from '../../api/client.js';
import { useRead } from '../../api/hooks.js';
import { useOrg } from '../../api/who.js';
import { callPath } from '../../app/addresses.js';
import { Link } from '../../app/router.js';
import { Button, Chip, Empty, Failure, Loading, PageHead } from '../../ui/elements.js';
import { Dialog, Field, Select } from '../../ui/forms.js';
import { Table } from '../../ui/table.js';
import { dayAndTime } from '../../ui/time.js';
import { RunResult } from '../actions/test-panel.js';

type Run = Reply<'GET /v1/runs'>['items'][number];

const OneRun = ({ run, onClose }: { run: Run; onClose: () => void }) => {
  const read = useRead('GET /v1/runs/{id}', { path: { id: run.id }, query: useOrg() });
  return (
    <Dialog title={`${run.action}, ${dayAndTime(run.at)}`} wide onClose={onClose}>
      <Failure error={read.error} />
      {read.isPending && <Loading />}
      {read.data !== undefined && <RunResult result={read.data} />}
    </Dialog>
  );
};

const Totals = ({ query }: { query: Readonly<Record<string, string | undefined>> }) => {
  const { data } = useRead('GET /v1/runs/summary', { query });
  if (data === undefined || data.total.runs === 0) return null;
  const { runs, success, failures, meanDurationMs, p95DurationMs } = data.total;
  return (
    <div className="row">
      <Chip>{runs} runs</Chip>
      <Chip tone="good">{success} succeeded</Chip>
      <Chip tone={failures > 0 ? 'bad' : 'plain'}>{failures} failed</Chip>
      <Chip>mean {Math.round(meanDurationMs)} ms</Chip>
      <Chip>p95 {Math.round(p95DurationMs)} ms</Chip>
    </div>
  );
};

const results = [
  ['', 'Any result'],
  ['true', 'Succeeded'],
  ['false', 'Failed'],
] as const;
const success = (value: string) => results.find(([key]) => key === value && key !== '')?.[0];

export const RunsPage = () => {
  const org = useOrg();
  const [action, setAction] = useState('');
  const [session, setSession] = useState('');
  const [result, setResult] = useState('');
  const [open, setOpen] = useState<Run | null>(null);
  const query = { ...org, action: action.trim(), session: session.trim(), success: success(result) };
  const runs = useInfiniteQuery({
    queryKey: ['runs', query],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) => call('GET /v1/runs', { query: { ...query, cursor: pageParam } }, { signal }),
    getNextPageParam: (page) => page.next,
  });
  const rows = runs.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <PageHead title="Run history" about="What actions sent and what came back, without credentials">
        <a
          className="button"
          href={addressOf('GET /v1/runs', { query: { ...query, format: 'csv' } })}
          download="runs.csv"
        >
          Download CSV
        </a>
      </PageHead>
      <div className="fields filters">
        <Field label="Action" type="search" value={action} onValue={setAction} placeholder="order_status" />
        <Field label="Session" type="search" value={session} onValue={setSession} />
        <Select label="Result" value={result} onValue={setResult} options={results} />
      </div>
      <Totals query={query} />
      <Failure error={runs.error} />
      {runs.isPending && <Loading />}
      {runs.isSuccess && rows.length === 0 && (
        <Empty title="No run here">
          Runs appear when an agent, the API or the testing panel uses an action. Filters above may hide some.
        </Empty>
      )}
      {rows.length > 0 && (
        <Table
          label="Runs"
          rows={rows}
          keyOf={({ id }) => id}
          columns={[
            { title: 'At', className: 'number', cell: ({ at }) => dayAndTime(at) },
            {
              title: 'Action',
              cell: (run) => <Link to={`/actions/${encodeURIComponent(run.action)}`}>{run.action}</Link>,
            },
            {
              title: 'Result',
              cell: (run) => (
                <Chip tone={run.success ? 'good' : 'bad'}>{run.statusCode ?? run.error?.type ?? 'no answer'}</Chip>
              ),
            },
            { title: 'Took', className: 'figure', cell: ({ durationMs }) => `${Math.round(durationMs)} ms` },
            {
              title: 'From',
              cell: (run) =>
                run.test ? 'test' : run.sessionId === null ? 'API' : <Link to={callPath(run.sessionId)}>call</Link>,
            },
            {
              title: 'Actions',
              cell: (run) => (
                <Button small onClick={() => setOpen(run)} aria-label={`Show the run of ${run.action}`}>
                  Show
                </Button>
              ),
            },
          ]}
        />
      )}
      {runs.hasNextPage && (
        <div className="row">
          <Button onClick={() => void runs.fetchNextPage()}>Show older runs</Button>
        </div>
      )}
      {open !== null && <OneRun run={open} onClose={() => setOpen(null)} />}
    </>
  );
};
