import { useRead } from '../../api/hooks.js';
import { Link } from '../../app/router.js';
import { isTestCall } from '../../app/test-calls.js';
import { Card, Facts, Failure, Loading, PageHead } from '../../ui/elements.js';
import { dayAndTime, Since } from '../../ui/time.js';
import { CallActions } from '../live/act.js';
import { callerOf, StateChip } from '../live/cells.js';
import { endWords } from '../live/end-reasons.js';
import { Telephone } from '../live/test-call.js';
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
        <StateChip session={session} />
        <CallActions session={session} />
      </PageHead>
      <Failure error={read.error} />
      <div className="columns">
        <Card title="Call">
          <Facts
            of={[
              ['Name sent', caller.display ?? 'none'],
              ['Our number', session.called],
              ['Agent', session.agentId],
              ['Duration', <Since key="duration" from={session.startedAt} to={session.endedAt} />],
              ...(session.endReason === null ? [] : [['Ended', endWords[session.endReason]] as const]),
              ['Session', <code key="id">{session.id}</code>],
              ['Call number', String(session.ticketNumber)],
            ]}
          />
        </Card>
        <ContactCard id={session.contactId} ticket={session.zendeskTicketId} />
      </div>
      {isTestCall(id) && session.status !== 'ended' && <Telephone id={id} />}
      <LadderCard id={id} />
      <div className="columns">
        <Timeline timeline={session.timeline} />
        <div className="stack">
          <Quality id={id} live={session.status !== 'ended'} timeline={session.timeline} />
          <Recording id={id} ended={session.status === 'ended'} timeline={session.timeline} />
          <Attempts timeline={session.timeline} />
          <ActionsRun id={id} />
        </div>
      </div>
    </>
  );
};
