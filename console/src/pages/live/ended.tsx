import { useInfiniteQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { call } from '../../api/client.js';
import { useOrg } from '../../api/who.js';
import type { Session } from '../../app/live.js';
import { Chip, Empty, Failure, Loading, PageHead } from '../../ui/elements.js';
import { Field, Select } from '../../ui/forms.js';
import { type Column, Table } from '../../ui/table.js';
import { dayAndTime } from '../../ui/time.js';
import { callColumns } from './cells.js';
import { endReasons, endWords } from './end-reasons.js';

const columns: readonly Column<Session>[] = [
  { title: 'Began', className: 'number', cell: ({ startedAt }) => dayAndTime(startedAt) },
  ...callColumns.filter(({ title }) => title !== 'State'),
  {
    title: 'Ended',
    cell: ({ endReason }) =>
      endReason === null ? null : (
        <Chip
          tone={endReason === 'error' || endReason === 'no-media' || endReason === 'instance-lost' ? 'bad' : 'plain'}
        >
          {endWords[endReason]}
        </Chip>
      ),
  },
];

const transfers = [
  ['', 'Any or none'],
  ['connected', 'Connected'],
  ['not-connected', 'Failed'],
] as const;

/** A day of whoever looks, as the moments between which it lies. */
export const spanOf = (day: string): { readonly from?: string; readonly to?: string } => {
  const begin = new Date(`${day}T00:00:00`);
  if (Number.isNaN(begin.getTime())) return {};
  const end = new Date(begin);
  end.setDate(end.getDate() + 1);
  return { from: begin.toISOString(), to: new Date(end.getTime() - 1).toISOString() };
};

export const EndedPage = () => {
  const org = useOrg();
  const [caller, setCaller] = useState('');
  const [ticket, setTicket] = useState('');
  const [day, setDay] = useState('');
  const [reason, setReason] = useState('');
  const endReason = endReasons.find((each) => each === reason);
  const [transfer, setTransfer] = useState('');
  const outcome = (['connected', 'not-connected'] as const).find((each) => each === transfer);
  const query = {
    ...{ ...org, ...spanOf(day), live: 'false', limit: '250' },
    ...{ caller: caller.trim(), ticket: ticket.trim(), endReason, outcome },
  };
  const calls = useInfiniteQuery({
    queryKey: ['ended calls', query],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) =>
      call('GET /v1/sessions', { query: { ...query, cursor: pageParam } }, { signal }),
    getNextPageParam: (page) => page.next,
  });
  const rows = useMemo(() => calls.data?.pages.flatMap((page) => page.items) ?? [], [calls.data]);
  const filtered = caller !== '' || ticket !== '' || day !== '' || reason !== '' || transfer !== '';
  return (
    <>
      <PageHead title="Ended calls" about="Newest first" />
      <div className="fields filters">
        <Field label="Caller" type="search" value={caller} onValue={setCaller} placeholder="+14155550123" />
        <Field label="Ticket" type="search" value={ticket} onValue={setTicket} placeholder="35436" />
        <Field label="Day it began" type="date" value={day} onValue={setDay} />
        <Select
          label="How it ended"
          value={reason}
          onValue={setReason}
          options={[['', 'Any way'], ...endReasons.map((each) => [each, endWords[each]] as const)]}
        />
        <Select label="Transfer" value={transfer} onValue={setTransfer} options={transfers} />
      </div>
      <Failure error={calls.error} />
      {calls.isPending && <Loading />}
      {calls.isSuccess && rows.length === 0 && (
        <Empty title={filtered ? 'No call fits' : 'No call has ended yet'}>
          {filtered
            ? 'Take a filter away, or write the caller in full with the country code.'
            : 'Calls stay here after they have ended, with their timeline and their SIP messages for a while.'}
        </Empty>
      )}
      {rows.length > 0 && (
        <Table
          label="Ended calls"
          rows={rows}
          columns={columns}
          keyOf={({ id }) => id}
          {...(calls.hasNextPage && !calls.isFetchingNextPage ? { onEnd: () => void calls.fetchNextPage() } : {})}
        />
      )}
      {calls.isFetchingNextPage && <Loading />}
    </>
  );
};
