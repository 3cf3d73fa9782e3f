import { addressOf } from '../../api/client.js';
import { useCan } from '../../api/who.js';
import type { TimelineEntry } from '../../app/timeline-words.js';
import { Card } from '../../ui/elements.js';

/** The recording of a call that had one; those who may not listen are told that there is one. */
export const Recording = ({
  id,
  ended,
  timeline,
}: {
  id: string;
  ended: boolean;
  timeline: readonly TimelineEntry[];
}) => {
  const may = useCan()('recordings:read');
  if (!timeline.some(({ type }) => type === 'recording.started')) return null;
  const address = addressOf('GET /v1/sessions/{id}/recording', { path: { id } });
  return (
    <Card
      title="Recording"
      aside={
        may &&
        ended && (
          <a className="small" href={address} download={`${id}.wav`}>
            Download WAV
          </a>
        )
      }
    >
      {!ended ? (
        <p className="muted">The call is being recorded; it can be heard when it has ended.</p>
      ) : may ? (
        <div className="stack-small">
          {/* biome-ignore lint/a11y/useMediaCaption: a telephone call as it was; nobody has its words. */}
          <audio controls preload="none" src={address} aria-label="Recording of the call" />
          <p className="muted small">Left: what the caller said. Right: what the caller heard.</p>
        </div>
      ) : (
        <p className="muted">The call was recorded. Listening is for editors and administrators.</p>
      )}
    </Card>
  );
};
