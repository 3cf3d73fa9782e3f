import { callPath } from '../../app/addresses.js';
import type { Session } from '../../app/live.js';
import { Link } from '../../app/router.js';
import { Chip, type Tone } from '../../ui/elements.js';
import type { Column } from '../../ui/table.js';
import { Since } from '../../ui/time.js';

const tones: Readonly<Record<Session['status'], Tone>> = {
  ringing: 'warn',
  active: 'good',
  transferring: 'warn',
  transferred: 'info',
  ended: 'plain',
};

const states: Readonly<Record<Session['status'], string>> = {
  ringing: 'Ringing',
  active: 'With the agent',
  transferring: 'Transferring',
  transferred: 'With a human',
  ended: 'Ended',
};

export const StateChip = ({ session }: { session: Session }) => (
  <Chip tone={tones[session.status]}>{states[session.status]}</Chip>
);

/** Who is at the other end, as far as it is known. */
export const callerOf = ({ caller }: Pick<Session, 'caller'>): string =>
  caller.withheld ? 'Withheld number' : (caller.e164 ?? (caller.raw === '' ? 'Unknown caller' : caller.raw));

/** The same inside a sentence. */
export const callerInWords = (session: Pick<Session, 'caller'>): string =>
  session.caller.withheld ? 'a withheld number' : callerOf(session);

export const CallerCell = ({ session }: { session: Session }) => (
  <span className="two-lines">
    <Link to={callPath(session.id)} className="number">
      {callerOf(session)}
    </Link>
    {session.caller.display !== null && <span className="muted small break"> {session.caller.display}</span>}
  </span>
);

/** What every list of calls shows. */
export const callColumns: readonly Column<Session>[] = [
  { title: 'Caller', cell: (session) => <CallerCell session={session} /> },
  {
    title: 'Our number',
    cell: ({ direction, called, agentId }) => (
      <span className="two-lines">
        <span className="number">{`${direction === 'outbound' ? '↗ from ' : ''}${called}`}</span>
        <span className="muted small break"> {agentId}</span>
      </span>
    ),
  },
  { title: 'State', cell: (session) => <StateChip session={session} /> },
  {
    title: 'Ticket',
    className: 'number',
    cell: (session) =>
      session.zendeskTicketId === null ? <span className="muted">none</span> : `#${session.zendeskTicketId}`,
  },
  {
    title: 'Duration',
    className: 'figure',
    cell: (session) => <Since from={session.startedAt} to={session.endedAt} />,
  },
];
