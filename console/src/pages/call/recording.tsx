import { useState } from 'react';
import { addressOf, type Reply } from '../../api/client.js';
import { useDo } from '../../api/hooks.js';
import { useCan } from '../../api/who.js';
import { Button, Card } from '../../ui/elements.js';
import { Confirm } from '../../ui/forms.js';
import { timeOfDay } from '../../ui/time.js';

type Part = Reply<'GET /v1/sessions/{id}'>['recordings'][number];

const Delete = ({ id, onClose }: { id: string; onClose: () => void }) => {
  const remove = useDo('DELETE /v1/sessions/{id}/recording', ['GET /v1/sessions/{id}']);
  return (
    <Confirm
      title="Delete the recording"
      submit="Delete"
      busy={remove.isPending}
      error={remove.error}
      onClose={onClose}
      onConfirm={() => remove.mutate({ path: { id } }, { onSuccess: onClose })}
    >
      Nobody can hear the call again. The timeline keeps that there was a recording, and who looks at it sees that it is
      gone.
    </Confirm>
  );
};

/** One stretch from a start of the recording to its stop. `alone`: there is no other. */
const Heard = ({ id, part, alone }: { id: string; part: Part; alone: boolean }) => {
  const address = addressOf('GET /v1/sessions/{id}/recording', { path: { id }, query: { part: part.part } });
  const name = alone ? 'Recording of the call' : `Recording of the call, part ${part.part}`;
  return (
    <div className="stack-small">
      <div className="row small">
        {!alone && (
          <span>
            Part {part.part}, from {timeOfDay(part.startedAt)}
          </span>
        )}
        <a href={address} download={part.file}>
          Download WAV
        </a>
      </div>
      {/* biome-ignore lint/a11y/useMediaCaption: a telephone call as it was; nobody has its words. */}
      <audio controls preload="none" src={address} aria-label={name} />
    </div>
  );
};

/** The recording of a call that has one; those who may not listen are told that there is one. */
export const Recording = ({ id, ended, parts }: { id: string; ended: boolean; parts: readonly Part[] }) => {
  const can = useCan();
  const [deleting, setDeleting] = useState(false);
  if (parts.length === 0) return null;
  return (
    <Card
      title="Recording"
      aside={
        ended &&
        can('recordings:delete') && (
          <Button small look="danger" onClick={() => setDeleting(true)}>
            Delete
          </Button>
        )
      }
    >
      {!ended ? (
        <p className="muted">The call is being recorded; it can be heard when it has ended.</p>
      ) : can('recordings:read') ? (
        <div className="stack-small">
          {parts.map((part) => (
            <Heard key={part.part} id={id} part={part} alone={parts.length === 1} />
          ))}
          <p className="muted small">Left: what the caller said. Right: what the caller heard.</p>
        </div>
      ) : (
        <p className="muted">The call was recorded. Listening is for editors and administrators.</p>
      )}
      {deleting && <Delete id={id} onClose={() => setDeleting(false)} />}
    </Card>
  );
};
