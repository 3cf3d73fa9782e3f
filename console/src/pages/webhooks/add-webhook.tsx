import { useState } from 'react';
import type { Reply } from '../../api/client.js';
import { useDo } from '../../api/hooks.js';
import { useOrg } from '../../api/who.js';
import { Button, Copy } from '../../ui/elements.js';
import { Check, Dialog, Field, Form } from '../../ui/forms.js';

type Event = Reply<'GET /v1/webhooks'>['items'][number]['events'][number];

/** What each event says of a call. */
export const eventWords: Readonly<Record<Event, string>> = {
  'phone_call.started': 'begins',
  'phone_call.answered': 'is answered',
  'phone_call.transferred': 'is transferred',
  'phone_call.transfer_failed': 'could not be transferred',
  'phone_call.ended': 'ends',
};
export const everyEvent = Object.keys(eventWords) as readonly Event[];

export const AddWebhook = ({ onClose }: { onClose: () => void }) => {
  const org = useOrg();
  const [url, setUrl] = useState('');
  const [events, setEvents] = useState<readonly Event[]>(everyEvent);
  const create = useDo('POST /v1/webhooks', ['GET /v1/webhooks']);
  const toggle = (event: Event, on: boolean): void =>
    setEvents(everyEvent.filter((each) => (each === event ? on : events.includes(each))));
  if (create.data !== undefined) {
    return (
      <Dialog title="The webhook is there" onClose={onClose}>
        <p>Its signing secret, shown this once: your system checks with it that a message is from this gateway.</p>
        <Copy text={create.data.secret} label="the signing secret" />
        <div className="row end">
          <Button look="primary" onClick={onClose}>
            Done
          </Button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="Add a webhook" onClose={onClose}>
      <Form
        submit="Add"
        busy={create.isPending || url === '' || events.length === 0}
        error={create.error}
        onSubmit={() => create.mutate({ query: org, body: { url: url.trim(), events } })}
        onCancel={onClose}
      >
        <Field
          label="Address"
          type="url"
          value={url}
          onValue={setUrl}
          placeholder="https://crm.example.com/calls"
          hint="https: only."
        />
        <fieldset className="field">
          <legend>Tell it when a call</legend>
          {everyEvent.map((event) => (
            <Check
              key={event}
              label={eventWords[event]}
              checked={events.includes(event)}
              onValue={(on) => toggle(event, on)}
            />
          ))}
        </fieldset>
      </Form>
    </Dialog>
  );
};
