import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useMemo, useState } from 'react';
import { useDo, useRead } from '../../api/hooks.js';
import { useCan, useOrg } from '../../api/who.js';
import { callPath } from '../../app/addresses.js';
import { liveCalls, liveKey, type Session } from '../../app/live.js';
import { go, Link } from '../../app/router.js';
import { Button, Chip, Empty, Failure, Loading, PageHead } from '../../ui/elements.js';
import { Dialog, Field, Form, Select } from '../../ui/forms.js';
import { type Column, Table } from '../../ui/table.js';
import { CallActions } from './act.js';
import { callColumns } from './cells.js';
import { judged, soundWord } from './quality-words.js';
import { TestCallDialog } from './test-call.js';

const columnsWith = (mos: Readonly<Record<string, number>>): readonly Column<Session>[] => [
  ...callColumns,
  { title: 'Sound (MOS)', className: 'number', cell: ({ id }) => <Mos of={mos[id]} /> },
  { title: 'Actions', cell: (session) => <CallActions session={session} /> },
];

const Mos = ({ of }: { of: number | undefined }) =>
  of === undefined ? (
    <span className="muted">not yet</span>
  ) : (
    <Chip tone={judged(of)}>
      {of.toFixed(1)} {soundWord(of)}
    </Chip>
  );

/** Whether a call has the text somewhere a person would look for it. */
export const matches = (session: Session, text: string): boolean =>
  [
    session.caller.e164,
    session.caller.raw,
    session.caller.display,
    session.called,
    session.agentId,
    session.zendeskTicketId,
  ].some((value) => value?.toLowerCase().includes(text) === true);

const NewCall = ({ onClose }: { onClose: () => void }) => {
  const org = useOrg();
  const agents = useRead('GET /v1/agents', { query: org });
  const [agent, setAgent] = useState('');
  const [to, setTo] = useState('');
  const place = useDo('POST /v1/calls');
  const items = agents.data?.items ?? [];
  const chosen = agent === '' ? (items[0]?.id ?? '') : agent;
  const send = (): void =>
    place.mutate({ query: org, body: { agent: chosen, to } }, { onSuccess: (session) => go(callPath(session.id)) });
  return (
    <Dialog title="Call somebody" onClose={onClose}>
      <Form submit="Call" busy={place.isPending || to === ''} error={place.error} onSubmit={send} onCancel={onClose}>
        <Select
          label="Agent"
          value={chosen}
          onValue={setAgent}
          options={items.map(({ id, name }) => [id, name ?? id])}
        />
        <Field
          label="Whom to call"
          value={to}
          onValue={setTo}
          hint="A telephone number, a sip: address or a destination of the agent, as far as the operator lets this organization call."
        />
      </Form>
    </Dialog>
  );
};

const steps = [
  ['/zendesk', 'Connect Zendesk', 'so that calls get their tickets'],
  ['/agents', 'Add a destination and an agent', 'who answers, and whom callers are handed over to'],
  ['/numbers', 'Add a number', 'that the agent answers'],
] as const;

/** Nothing can be called yet: what to do first, in its order. */
const FirstSteps = () => (
  <Empty
    title="No call is live"
    action={
      <ol className="steps">
        {steps.map(([to, title, why]) => (
          <li key={to}>
            <Link to={to}>{title}</Link>: {why}
          </li>
        ))}
      </ol>
    }
  >
    There is no number yet that could be called. Set these up, then come back and place a test call:
  </Empty>
);

const NoCalls = ({ action }: { action: ReactNode }) => {
  const can = useCan();
  const numbers = useRead('GET /v1/numbers', { query: useOrg() }, { enabled: can('numbers:read') });
  if (numbers.data?.items.length === 0 && can('numbers:write')) return <FirstSteps />;
  return (
    <Empty title="No call is live" action={action}>
      Calls appear here as they arrive. Dial one of your numbers, or let the gateway’s own telephone do it.
    </Empty>
  );
};

export const LivePage = () => {
  const can = useCan();
  const { organization } = useOrg();
  const [text, setText] = useState('');
  const [calling, setCalling] = useState<'test' | 'out' | null>(null);
  const calls = useQuery({
    queryKey: liveKey(organization),
    queryFn: ({ signal }) => liveCalls(organization, signal),
    refetchInterval: 60_000,
  });
  const wanted = text.trim().toLowerCase();
  const rows = useMemo(
    () => (calls.data ?? []).filter((session) => wanted === '' || matches(session, wanted)),
    [calls.data, wanted],
  );
  const any = (calls.data ?? []).length > 0;
  const quality = useRead('GET /v1/quality', { query: useOrg() }, { enabled: any, refetchInterval: 5_000 });
  const columns = useMemo(() => columnsWith(quality.data?.mos ?? {}), [quality.data]);
  const test = can('calls:create') && (
    <Button look="primary" onClick={() => setCalling('test')}>
      Place a test call
    </Button>
  );
  const count = (calls.data ?? []).filter(({ status }) => status !== 'ended').length;
  return (
    <>
      <PageHead
        title="Live calls"
        about={calls.data === undefined ? 'Reading…' : `${count} ${count === 1 ? 'call' : 'calls'} at this moment`}
      >
        {can('calls:create') && <Button onClick={() => setCalling('out')}>Call somebody</Button>}
        {any && test}
      </PageHead>
      {calling === 'out' && <NewCall onClose={() => setCalling(null)} />}
      {calling === 'test' && <TestCallDialog onClose={() => setCalling(null)} />}
      <Failure error={calls.error} />
      {calls.isPending && <Loading />}
      {calls.data !== undefined && !any && <NoCalls action={test} />}
      {calls.data !== undefined && any && (
        <>
          <Field
            label="Filter"
            type="search"
            value={text}
            onValue={setText}
            placeholder="Number, name, agent or ticket"
          />
          {rows.length === 0 ? (
            <p className="muted">No live call has “{text}”.</p>
          ) : (
            <Table label="Live calls" rows={rows} columns={columns} keyOf={({ id }) => id} />
          )}
        </>
      )}
    </>
  );
};
