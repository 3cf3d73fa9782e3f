import { useRead } from '../../api/hooks.js';
import { Link } from '../../app/router.js';
import { isTestCall } from '../../app/test-calls.js';
import { Card, Facts, Failure, Loading, PageHead } from '../../ui/elements.js';
import { dayAndTime, Since } from '../../ui/time.js';
import { CallActions } from '../live/act.js';
import { callerOf, StateChip } from '../live/cells.js';
import { endWords } from '../live/end-reasons.js';
import { Telephone } from '../live/test-call.js';
import { subjectIn } from './attempts.js';
import { LadderCard } from './ladder.js';
import { ActionsRun, Attempts, ContactCard, Timeline } from './parts.js';
import { Quality } from './quality.js';
import { Recording } from './recording.js';

/** Everything there is of one call. Events read it anew while it lives. */
export const CallPage = ({ id }: { id: string }) => {
  const read = useRead('GET /v1/sessions/{id}', { path: { id } });
  const session = read.data;
  if (session === undefined) {
    return (
      <>
        <PageHead title="Call">
          <Link to="/">Live calls</Link>
        </PageHead>
        {read.isPending ? <Loading /> : <Failure error={read.error} />}
      </>
    );
  }
  const { caller } = session;
  return (
    <>
      <PageHead
        title={`${session.direction === 'outbound' ? 'Call to' : 'Call of'} ${callerOf(session)}`}
        about={dayAndTime(session.startedAt)}
      >
        <Link to={session.status === 'ended' ? '/calls' : '/'}>
          {session.status === 'ended' ? 'All ended calls' : 'All live calls'}
        </Link>
        <StateChip session={session} />
        <CallActions session={session} />
      </PageHead>
      <Failure error={read.error} />
      {isTestCall(id) && session.status !== 'ended' && <Telephone id={id} />}
      <div className="columns even">
        <Card title="Call">
          <Facts
            of={[
              ['Caller’s name', caller.display ?? 'none sent'],
              ['Our number', session.called],
              ['Agent', session.agentId],
              ['Duration', <Since key="duration" from={session.startedAt} to={session.endedAt} />],
              ...(session.endedAt === null
                ? []
                : [
                    [
                      'Ended',
                      `${session.endReason === null ? '' : `${endWords[session.endReason]}, `}${dayAndTime(session.endedAt)}`,
                    ] as const,
                  ]),
              ['Call', `No. ${session.ticketNumber}`],
              ['Session', <code key="id">{session.id}</code>],
            ]}
          />
        </Card>
        <ContactCard id={session.contactId} ticket={session.zendeskTicketId} subject={subjectIn(session.timeline)} />
      </div>
      <LadderCard id={id} />
      <div className="columns">
        <Timeline timeline={session.timeline} />
        <div className="stack">
          <Quality id={id} live={session.status !== 'ended'} timeline={session.timeline} />
          <Recording id={id} ended={session.status === 'ended'} parts={session.recordings} />
          <Attempts timeline={session.timeline} />
          <ActionsRun id={id} />
        </div>
      </div>
    </>
  );
};
