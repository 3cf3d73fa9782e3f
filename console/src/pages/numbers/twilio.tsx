import { useState } from 'react';
import { ApiError, type Input, type Reply } from '../../api/client.js';
import { useDo, useRead } from '../../api/hooks.js';
import { Button, Card, Chip, Failure, Loading, Notice } from '../../ui/elements.js';
import { Confirm, Dialog, Field, Form, Select } from '../../ui/forms.js';
import { Table } from '../../ui/table.js';

const account = 'GET /v1/twilio/numbers';
type Owned = Reply<typeof account>['items'][number];
type Offer = Reply<'GET /v1/twilio/available-numbers'>['items'][number];
type SearchQuery = NonNullable<Input<'GET /v1/twilio/available-numbers'>['query']>;

const kinds = [
  ['local', 'Local'],
  ['mobile', 'Mobile'],
  ['tollFree', 'Toll-free'],
] as const;

const Buy = ({ offer, onClose }: { offer: Offer; onClose: () => void }) => {
  const buy = useDo('POST /v1/twilio/numbers', [account]);
  return (
    <Confirm
      title={`Buy ${offer.number}`}
      submit="Buy"
      busy={buy.isPending}
      error={buy.error}
      onClose={onClose}
      onConfirm={() => buy.mutate({ body: { number: offer.number } }, { onSuccess: onClose })}
    >
      Twilio charges the account for it every month. Its calls come by the trunk “voice-gateway”
      {offer.address === 'none' ? '' : `; the country asks for an address (${offer.address})`}.
    </Confirm>
  );
};

const Search = ({ onClose }: { onClose: () => void }) => {
  const [country, setCountry] = useState('US');
  const [kind, setKind] = useState<(typeof kinds)[number][0]>('local');
  const [areaCode, setAreaCode] = useState('');
  const [contains, setContains] = useState('');
  const [query, setQuery] = useState<SearchQuery | null>(null);
  const [buying, setBuying] = useState<Offer | null>(null);
  const found = useRead('GET /v1/twilio/available-numbers', { query: query ?? {} }, { enabled: query !== null });
  return (
    <Dialog title="Search for a number" onClose={onClose} wide>
      <Form
        submit="Search"
        busy={found.isFetching}
        error={found.error}
        onSubmit={() =>
          setQuery({
            country: country.trim().toUpperCase(),
            kind,
            areaCode: areaCode.trim(),
            contains: contains.trim(),
          })
        }
      >
        <div className="fields">
          <Field label="Country" value={country} onValue={setCountry} maxLength={2} hint="Two letters." />
          <Select
            label="Kind"
            value={kind}
            onValue={(each) => setKind(kinds.find(([key]) => key === each)?.[0] ?? 'local')}
            options={kinds}
          />
          <Field label="Area code" value={areaCode} onValue={setAreaCode} hint="US and Canada." />
          <Field label="Contains" value={contains} onValue={setContains} hint="Digits or letters, * for any." />
        </div>
      </Form>
      {query !== null && found.data?.items.length === 0 && <p className="muted">Twilio has no such number for sale.</p>}
      {found.data !== undefined && found.data.items.length > 0 && (
        <Table
          label="Numbers for sale"
          rows={found.data.items}
          keyOf={({ number }) => number}
          columns={[
            { title: 'Number', className: 'number', cell: ({ number }) => <strong>{number}</strong> },
            { title: 'Place', cell: ({ place, country: of }) => place ?? of },
            { title: 'Address needed', cell: ({ address }) => address },
            {
              title: 'Actions',
              cell: (offer) => (
                <div className="row end">
                  <Button small onClick={() => setBuying(offer)} aria-label={`Buy ${offer.number}`}>
                    Buy
                  </Button>
                </div>
              ),
            },
          ]}
        />
      )}
      {buying !== null && <Buy offer={buying} onClose={() => setBuying(null)} />}
    </Dialog>
  );
};

/** Proves that a number that is not of the account is ours: Twilio calls it and asks for a code. */
const Verify = ({ onClose }: { onClose: () => void }) => {
  const [number, setNumber] = useState('');
  const begin = useDo('POST /v1/twilio/verifications', [account, 'GET /v1/numbers']);
  const look = useDo('POST /v1/twilio/verifications/{number}', [account, 'GET /v1/numbers']);
  const begun = begin.data;
  return (
    <Dialog title="Verify a number" onClose={onClose}>
      {begun === undefined ? (
        <Form
          submit="Call the number"
          busy={begin.isPending || number === ''}
          error={begin.error}
          onSubmit={() => begin.mutate({ body: { number: number.trim() } })}
          onCancel={onClose}
        >
          <Field
            label="Number"
            value={number}
            onValue={setNumber}
            placeholder="+14155550100"
            hint="Twilio calls it, and whoever answers presses the code that is shown here. One of the account needs no call."
          />
        </Form>
      ) : 'status' in begun ? (
        <div className="stack">
          <Notice tone="good">
            {begun.number} needs no call: it is{' '}
            {begun.status === 'owned' ? 'a number of the account' : 'proven already'}.
          </Notice>
          {begun.organization === null && <p className="muted">No organization has it yet: add it above.</p>}
          <div className="row end">
            <Button onClick={onClose}>Close</Button>
          </div>
        </div>
      ) : (
        <div className="stack">
          <p>Twilio calls {begun.number}. Press this code there:</p>
          <p className="code">{begun.code}</p>
          {look.data?.status === 'pending' && <Notice tone="warn">The code has not been pressed yet.</Notice>}
          {look.data !== undefined && look.data.status !== 'pending' && (
            <Notice tone="good">The number is verified.</Notice>
          )}
          <Failure error={look.error} />
          <div className="row end">
            <Button onClick={onClose}>Close</Button>
            <Button
              look="primary"
              disabled={look.isPending}
              onClick={() => look.mutate({ path: { number: begun.number } })}
            >
              It was pressed
            </Button>
          </div>
        </div>
      )}
    </Dialog>
  );
};

const Release = ({ number, onClose }: { number: Owned; onClose: () => void }) => {
  const release = useDo('DELETE /v1/twilio/numbers/{number}', [account]);
  return (
    <Confirm
      title={`Give ${number.number} back`}
      submit="Give back"
      busy={release.isPending}
      error={release.error}
      onClose={onClose}
      onConfirm={() => release.mutate({ path: { number: number.number } }, { onSuccess: onClose })}
    >
      Twilio may sell it to somebody else at once. It cannot be taken back.
    </Confirm>
  );
};

/** The operator's account at Twilio: what it has, what it could buy. */
export const TwilioNumbers = () => {
  const read = useRead(account, {});
  const [open, setOpen] = useState<'search' | 'verify' | null>(null);
  const [releasing, setReleasing] = useState<Owned | null>(null);
  const missing = read.error instanceof ApiError && read.error.status === 501;
  return (
    <Card
      title="Twilio"
      aside={
        !missing && (
          <span className="row">
            <Button small onClick={() => setOpen('verify')}>
              Verify a number
            </Button>
            <Button small onClick={() => setOpen('search')}>
              Search and buy
            </Button>
          </span>
        )
      }
    >
      {missing ? (
        <p className="muted">
          No Twilio account is configured: with TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN numbers are bought and verified
          here.
        </p>
      ) : (
        <Failure error={read.error} />
      )}
      {read.isPending && <Loading />}
      {read.data?.items.length === 0 && <p className="muted">The account has no number yet: search for one.</p>}
      {read.data !== undefined && read.data.items.length > 0 && (
        <Table
          label="Numbers of the Twilio account"
          rows={read.data.items}
          keyOf={({ sid }) => sid}
          columns={[
            { title: 'Number', className: 'number', cell: ({ number }) => <strong>{number}</strong> },
            { title: 'Name', cell: ({ name }) => <span className="break">{name}</span> },
            {
              title: 'Comes by',
              cell: ({ trunkSid, voiceUrl }) =>
                trunkSid !== null ? 'trunk' : voiceUrl !== null ? 'webhook' : 'nothing',
            },
            {
              title: 'Answered by',
              cell: ({ organization, agent }) =>
                organization === null ? (
                  <Chip tone="warn">nobody: add it above</Chip>
                ) : (
                  <span className="break">
                    {organization}, {agent}
                  </span>
                ),
            },
            {
              title: 'Actions',
              cell: (each) => (
                <div className="row end">
                  <Button
                    small
                    look="danger"
                    onClick={() => setReleasing(each)}
                    aria-label={`Give ${each.number} back`}
                  >
                    Give back
                  </Button>
                </div>
              ),
            },
          ]}
        />
      )}
      {open === 'search' && <Search onClose={() => setOpen(null)} />}
      {open === 'verify' && <Verify onClose={() => setOpen(null)} />}
      {releasing !== null && <Release number={releasing} onClose={() => setReleasing(null)} />}
    </Card>
  );
};
