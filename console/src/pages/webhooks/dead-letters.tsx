import { useInfiniteQuery } from '@tanstack/react-query';
import { call, type Reply } from '../../api/client.js';
import { useDo } from '../../api/hooks.js';
import { useCan, useOrg } from '../../api/who.js';
import { callPath } from '../../app/addresses.js';
import { Link } from '../../app/router.js';
import { Address } from '../../ui/breakable.js';
import { Button, Card, Failure, Loading } from '../../ui/elements.js';
import { Table } from '../../ui/table.js';
import { dayAndTime } from '../../ui/time.js';

const list = 'GET /v1/webhook-dead-letters';
type Letter = Reply<typeof list>['items'][number];

const Acts = ({ letter }: { letter: Letter }) => {
  const org = useOrg();
  const input = { path: { id: letter.id }, query: org };
  const resend = useDo('POST /v1/webhook-dead-letters/{id}/resend', [list]);
  const drop = useDo('DELETE /v1/webhook-dead-letters/{id}', [list]);
  const busy = resend.isPending || drop.isPending;
  const which = `${letter.event} of ${dayAndTime(letter.at)}`;
  return (
    <div className="row end">
      <span role="status" className="small break">
        {(resend.error ?? drop.error)?.message}
      </span>
      <Button small disabled={busy} onClick={() => resend.mutate(input)} aria-label={`Send ${which} again`}>
        Send again
      </Button>
      <Button small look="danger" disabled={busy} onClick={() => drop.mutate(input)} aria-label={`Drop ${which}`}>
        Drop
      </Button>
    </div>
  );
};

/** What was given up after all its attempts, to be sent again once its receiver is well. */
export const DeadLetters = ({ endpoints }: { endpoints: readonly { readonly id: string; readonly url: string }[] }) => {
  const may = useCan()('webhooks:write');
  const org = useOrg();
  const read = useInfiniteQuery({
    queryKey: [list, 'pages', org],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) => call(list, { query: { ...org, cursor: pageParam } }, { signal }),
    getNextPageParam: (page) => page.next,
    refetchInterval: 10_000,
  });
  const items = read.data?.pages.flatMap((page) => page.items) ?? [];
  const urlOf = (id: string): string => endpoints.find((each) => each.id === id)?.url ?? 'a webhook that was removed';
  return (
    <Card title="Undelivered">
      <Failure error={read.error} />
      {read.isPending && <Loading />}
      {read.data !== undefined && items.length === 0 && (
        <p className="muted">Everything was taken. What fails for hours is kept here, to be sent again.</p>
      )}
      {items.length > 0 && (
        <Table
          label="Undelivered"
          rows={items}
          keyOf={({ id }) => id}
          columns={[
            { title: 'Given up', className: 'number', cell: ({ failedAt }) => dayAndTime(failedAt) },
            {
              title: 'Event',
              cell: ({ event, sessionId }) => (
                <span className="stack-tight">
                  <code>{event}</code>
                  <Link to={callPath(sessionId)} className="small">
                    the call
                  </Link>
                </span>
              ),
            },
            { title: 'Webhook', cell: ({ endpointId }) => <Address of={urlOf(endpointId)} /> },
            { title: 'Last answer', cell: ({ reason }) => <span className="break">{reason}</span> },
            { title: 'Actions', cell: (letter) => may && <Acts letter={letter} /> },
          ]}
          {...(read.hasNextPage && !read.isFetchingNextPage ? { onEnd: () => void read.fetchNextPage() } : {})}
        />
      )}
    </Card>
  );
};
