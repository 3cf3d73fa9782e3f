import { useRead } from '../../api/hooks.js';
import { useCan, useOrg } from '../../api/who.js';
import { Link } from '../../app/router.js';
import { inWords, type TimelineEntry, toneOf } from '../../app/timeline-words.js';
import { Address } from '../../ui/breakable.js';
import { Card, Chip, Facts, Failure, Loading } from '../../ui/elements.js';
import { attemptsOf, withNames } from './attempts.js';
import { plainText } from './custom-data.js';
import { sinceBeginning } from './moments.js';

export const Timeline = ({ timeline }: { timeline: readonly TimelineEntry[] }) => {
  const first = Date.parse(timeline[0]?.at ?? '');
  return (
    <Card title="Timeline">
      <ol className="timeline">
        {withNames(timeline).map((entry, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: entries are only added, at the end.
          <li key={index} className={toneOf(entry)} title={entry.at}>
            <span className="after">{sinceBeginning(Date.parse(entry.at) - first)}</span>
            <span className="break">{inWords(entry)}</span>
          </li>
        ))}
      </ol>
    </Card>
  );
};

const fromWords: Readonly<Record<string, string>> = {
  known: 'the caller’s own',
  withheld: 'the caller withheld theirs',
  unknown: 'the caller’s is not known',
  rule: 'a rule of the destination',
  refer: 'REFER: the carrier sets it',
};

export const Attempts = ({ timeline }: { timeline: readonly TimelineEntry[] }) => {
  const attempts = attemptsOf(timeline);
  return (
    <Card title="Transfers">
      {attempts.length === 0 && <p className="muted">No transfer was tried.</p>}
      {attempts.map((attempt) => (
        <div className="attempt" key={attempt.id}>
          <div className="row">
            <strong>{attempt.destination}</strong>
            <Chip tone={attempt.outcome === null ? 'warn' : attempt.outcome === 'connected' ? 'good' : 'bad'}>
              {attempt.outcome ?? 'under way'}
            </Chip>
          </div>
          <Facts
            of={[
              ...(attempt.from === '' ? [] : [['From', <Address key="from" of={attempt.from} />] as const]),
              ...(attempt.fromReason === ''
                ? []
                : [['Why that number', fromWords[attempt.fromReason] ?? attempt.fromReason] as const]),
              ...(attempt.ticket === '' ? [] : [['Ticket', attempt.ticket] as const]),
              ...(attempt.summary === null ? [] : [['Summary', attempt.summary] as const]),
              ...(attempt.statuses.length === 0 ? [] : [['SIP', attempt.statuses.join(', ')] as const]),
              ...(attempt.reason === '' ? [] : [['What happened', attempt.reason] as const]),
              ...(attempt.hint === null ? [] : [['What to do', attempt.hint] as const]),
            ]}
          />
          {attempt.headers.length > 0 && (
            <pre>{attempt.headers.map(([name, value]) => `${name}: ${value}`).join('\n')}</pre>
          )}
        </div>
      ))}
    </Card>
  );
};

/** Fields of Zendesk as people write them; those of the contact’s organization say so. */
const fieldName = (name: string): string =>
  (name.startsWith('org_') ? `organization: ${name.slice(4)}` : name).replaceAll('_', ' ');

type ContactCardProps = { readonly id: string | null; readonly ticket: string | null; readonly subject: string | null };

export const ContactCard = ({ id, ticket, subject }: ContactCardProps) => {
  const contact = useRead(
    'GET /v1/contacts/{id}',
    { path: { id: id ?? '' }, query: useOrg() },
    { enabled: id !== null },
  );
  const known = contact.data;
  return (
    <Card title="Ticket and contact">
      <Failure error={contact.error} />
      {id !== null && contact.isPending && <Loading />}
      <Facts
        of={[
          ['Ticket', ticket === null ? 'none yet' : `#${ticket}`],
          ...(subject === null ? [] : [['Subject', subject] as const]),
          ...(known === undefined
            ? [['Contact', id === null ? 'not known' : 'being read'] as const]
            : ([
                ['Name', known.name ?? 'not known'],
                ['E-mail', known.email ?? 'not known'],
                ['Telephone', known.phone ?? 'not known'],
                ['Zendesk user', known.zendeskUserId ?? 'not known'],
                ...Object.entries(known.custom_data).map(
                  ([name, value]) => [fieldName(name), plainText(value)] as const,
                ),
              ] as const)),
        ]}
      />
    </Card>
  );
};

export const ActionsRun = ({ id }: { id: string }) => {
  const allowed = useCan()('runs:read');
  const runs = useRead('GET /v1/runs', { query: { ...useOrg(), session: id } }, { enabled: allowed });
  if (!allowed) return null;
  return (
    <Card title="Actions run">
      <Failure error={runs.error} />
      {runs.isPending && <Loading />}
      {runs.data?.items.length === 0 && <p className="muted">No action ran in this call.</p>}
      <ul className="stack-small">
        {runs.data?.items.map((run) => (
          <li key={run.id} className="row">
            <Chip tone={run.success ? 'good' : 'bad'}>{run.statusCode ?? 'no answer'}</Chip>
            <Link to={`/actions/${encodeURIComponent(run.action)}`}>{run.action}</Link>
            <span className="number muted">{Math.round(run.durationMs)} ms</span>
            {run.error !== null && <span className="break">{run.error.message}</span>}
          </li>
        ))}
      </ul>
    </Card>
  );
};
