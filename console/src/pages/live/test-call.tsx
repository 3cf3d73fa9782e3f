import { useState } from 'react';
import { useDo, useRead } from '../../api/hooks.js';
import { useOrg } from '../../api/who.js';
import { callPath } from '../../app/addresses.js';
import { go, Link } from '../../app/router.js';
import { rememberTestCall } from '../../app/test-calls.js';
import { Button, Card, Failure, Loading, Notice } from '../../ui/elements.js';
import { Dialog, Field, Form, Select } from '../../ui/forms.js';

/** Calls a number of the organization with the gateway's own telephone, and goes to the call. */
export const TestCallDialog = ({ number, onClose }: { number?: string; onClose: () => void }) => {
  const org = useOrg();
  const numbers = useRead('GET /v1/numbers', { query: org });
  const [chosen, setChosen] = useState(number ?? '');
  const [from, setFrom] = useState('+14155550123');
  const [display, setDisplay] = useState('');
  const [keys, setKeys] = useState('');
  const [say, setSay] = useState('');
  const [seconds, setSeconds] = useState('120');
  const place = useDo('POST /v1/test-calls');
  const items = numbers.data?.items ?? [];
  const called = chosen === '' ? (items[0]?.number ?? '') : chosen;
  const send = (): void =>
    place.mutate(
      {
        query: org,
        body: {
          ...{ number: called, from: from.trim(), keys: keys.trim(), seconds: Number(seconds) },
          ...(display.trim() === '' ? {} : { display: display.trim() }),
          ...(say.trim() === '' ? {} : { say: say.trim() }),
        },
      },
      {
        onSuccess: ({ id }) => {
          rememberTestCall(id);
          go(callPath(id));
        },
      },
    );
  return (
    <Dialog title="Test call" onClose={onClose}>
      {numbers.isPending ? (
        <Loading />
      ) : items.length === 0 ? (
        <Notice tone="warn">
          There is no number to call yet: add one under <Link to="/numbers">Numbers</Link>.
        </Notice>
      ) : (
        <Form submit="Call" busy={place.isPending} error={place.error} onSubmit={send} onCancel={onClose}>
          <p className="muted">
            A telephone of the gateway dials the number over SIP with real sound, like anybody’s. You see the call as it
            runs.
          </p>
          <Select
            label="Number to call"
            value={called}
            onValue={setChosen}
            options={items.map((each) => [each.number, `${each.number} (${each.agent})`])}
          />
          <div className="fields">
            <Field label="Caller’s number" value={from} onValue={setFrom} />
            <Field label="Caller’s name" value={display} onValue={setDisplay} />
          </div>
          <div className="fields">
            <Field
              label="Keys to press"
              value={keys}
              onValue={setKeys}
              placeholder="1,0"
              hint="One after the other, or at a time: 1@2.5"
            />
            <Field
              label="Hang up after, seconds"
              type="number"
              min={5}
              max={600}
              value={seconds}
              onValue={setSeconds}
            />
          </div>
          <Field
            label="What the caller says"
            value={say}
            onValue={setSay}
            hint="Spoken where the machine of the gateway has espeak-ng."
          />
        </Form>
      )}
    </Dialog>
  );
};

const keypad = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'] as const;

/** The telephone of a test call while it runs. */
export const Telephone = ({ id }: { id: string }) => {
  const press = useDo('POST /v1/test-calls/{id}/keys');
  const end = useDo('DELETE /v1/test-calls/{id}');
  return (
    <Card
      title="The caller’s telephone"
      aside={
        <Button small look="danger" disabled={end.isPending} onClick={() => end.mutate({ path: { id } })}>
          Caller hangs up
        </Button>
      }
    >
      <div className="stack-small">
        <div className="keypad">
          {keypad.map((digit) => (
            <Button
              key={digit}
              onClick={() => press.mutate({ path: { id }, body: { digits: digit } })}
              aria-label={`Press ${digit === '*' ? 'star' : digit === '#' ? 'hash' : digit}`}
            >
              {digit}
            </Button>
          ))}
        </div>
        <Failure error={press.error ?? end.error} />
      </div>
    </Card>
  );
};
