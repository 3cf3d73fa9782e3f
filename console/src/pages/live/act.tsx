import { useState } from 'react';
import { useDo, useRead } from '../../api/hooks.js';
import { useCan, useOrg } from '../../api/who.js';
import type { Session } from '../../app/live.js';
import { Button, Loading, Notice } from '../../ui/elements.js';
import { Area, Confirm, Dialog, Form, Select } from '../../ui/forms.js';
import { callerInWords, callerOf } from './cells.js';

const HangUp = ({ session, onClose }: { session: Session; onClose: () => void }) => {
  const hangUp = useDo('POST /v1/sessions/{id}/hangup');
  const confirm = (): void => hangUp.mutate({ path: { id: session.id } }, { onSuccess: onClose });
  return (
    <Confirm
      title="Hang up"
      submit="Hang up"
      busy={hangUp.isPending}
      error={hangUp.error}
      onConfirm={confirm}
      onClose={onClose}
    >
      The call with {callerInWords(session)} ends for everybody in it.
    </Confirm>
  );
};

const Transfer = ({ session, onClose }: { session: Session; onClose: () => void }) => {
  const destinations = useRead('GET /v1/transfer-destinations', { query: useOrg() });
  const [chosen, setChosen] = useState('');
  const [summary, setSummary] = useState('');
  const transfer = useDo('POST /v1/sessions/{id}/transfer');
  const items = destinations.data?.items ?? [];
  const destination = chosen === '' ? (items[0]?.id ?? '') : chosen;
  const send = (): void =>
    transfer.mutate(
      { path: { id: session.id }, body: { destination, ...(summary === '' ? {} : { summary }) } },
      { onSuccess: onClose },
    );
  return (
    <Dialog title={`Transfer the call of ${callerInWords(session)}`} onClose={onClose}>
      {destinations.isPending ? (
        <Loading />
      ) : items.length === 0 ? (
        <Notice tone="warn">There is no transfer destination yet: add one under “Agents & destinations”.</Notice>
      ) : (
        <Form submit="Transfer" busy={transfer.isPending} error={transfer.error} onSubmit={send} onCancel={onClose}>
          <Select
            label="Destination"
            value={destination}
            onValue={setChosen}
            options={items.map(({ id, name, type }) => [id, `${name} (${type === 'sip' ? 'SIP line' : 'telephone'})`])}
          />
          <Area
            label="Summary for the human"
            value={summary}
            onValue={setSummary}
            rows={3}
            hint="Sent with the call and written on the ticket where that is set up."
          />
        </Form>
      )}
    </Dialog>
  );
};

/** What can be done to a call from its row; nothing for those who may not. */
export const CallActions = ({ session }: { session: Session }) => {
  const can = useCan();
  const [asking, setAsking] = useState<'hangup' | 'transfer' | null>(null);
  const cancel = useDo('DELETE /v1/sessions/{id}/transfer');
  const close = (): void => setAsking(null);
  if (session.status === 'ended') return null;
  return (
    <div className="row end">
      {can('sessions:transfer') && session.status === 'transferring' && (
        <Button small disabled={cancel.isPending} onClick={() => cancel.mutate({ path: { id: session.id } })}>
          Cancel transfer
        </Button>
      )}
      {can('sessions:transfer') && session.status === 'active' && (
        <Button small onClick={() => setAsking('transfer')} aria-label={`Transfer ${callerOf(session)}`}>
          Transfer
        </Button>
      )}
      {can('sessions:hangup') && (
        <Button small look="danger" onClick={() => setAsking('hangup')} aria-label={`Hang up ${callerOf(session)}`}>
          Hang up
        </Button>
      )}
      {asking === 'hangup' && <HangUp session={session} onClose={close} />}
      {asking === 'transfer' && <Transfer session={session} onClose={close} />}
    </div>
  );
};
