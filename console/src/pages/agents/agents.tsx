import { useState } from 'react';
import type { Reply } from '../../api/client.js';
import { useRead } from '../../api/hooks.js';
import { useCan, useOrg } from '../../api/who.js';
import { Address } from '../../ui/breakable.js';
import { Button, Card, Chip, Empty, Facts, Failure, Loading, PageHead } from '../../ui/elements.js';
import { Table } from '../../ui/table.js';
import { AgentDialog, RemoveAgent } from './agent-dialog.js';
import { DestinationDialog, RemoveDestination } from './destination-dialog.js';

export type Agent = Reply<'GET /v1/agents'>['items'][number];
export type Destination = Reply<'GET /v1/transfer-destinations'>['items'][number];

const legWords: Readonly<Record<Agent['leg']['type'], string>> = {
  builtin: 'Built-in script',
  livekit: 'LiveKit agent',
  websocket: 'WebSocket bot',
};

const Agents = ({ agents, destinations }: { agents: readonly Agent[]; destinations: readonly Destination[] }) => {
  const [open, setOpen] = useState<Agent | 'new' | null>(null);
  const [removing, setRemoving] = useState<Agent | null>(null);
  const may = useCan()('agents:write');
  const nameOf = (id: string): string => destinations.find((each) => each.id === id)?.name ?? id;
  return (
    <Card
      title="Agents"
      aside={
        may && (
          <Button small onClick={() => setOpen('new')}>
            Add an agent
          </Button>
        )
      }
    >
      {agents.length === 0 ? (
        <Empty title="No agent yet">
          An agent answers your numbers: a built-in script, an agent in a LiveKit room or a bot over a WebSocket.
        </Empty>
      ) : (
        <div className="cards">
          {agents.map((agent) => (
            <div className="card stack-small with-foot" key={agent.id}>
              <div className="row apart">
                <h3 className="break">{agent.name ?? agent.id}</h3>
                <Chip tone="info">{legWords[agent.leg.type]}</Chip>
              </div>
              <p className="muted small">
                <code>{agent.id}</code>
                {agent.record === true ? ' · calls are recorded' : ''}
                {agent.fallback ? ` · falls back to ${nameOf(agent.fallback)}` : ''}
              </p>
              <Facts
                of={[
                  [
                    'Transfers to',
                    agent.transferDestinations === undefined || agent.transferDestinations.length === 0
                      ? 'nobody'
                      : agent.transferDestinations.map(nameOf).join(', '),
                  ],
                  [
                    'Actions',
                    agent.actions === undefined || agent.actions.length === 0 ? 'none' : agent.actions.join(', '),
                  ],
                ]}
              />
              {may && (
                <div className="row foot">
                  <Button small onClick={() => setOpen(agent)} aria-label={`Edit ${agent.id}`}>
                    Edit
                  </Button>
                  <Button small look="danger" onClick={() => setRemoving(agent)} aria-label={`Remove ${agent.id}`}>
                    Remove
                  </Button>
                </div>
              )}
            </div>
          ))}
        </div>
      )}
      {removing !== null && <RemoveAgent agent={removing} onClose={() => setRemoving(null)} />}
      {open !== null && (
        <AgentDialog agent={open === 'new' ? null : open} destinations={destinations} onClose={() => setOpen(null)} />
      )}
    </Card>
  );
};

const Destinations = ({ destinations }: { destinations: readonly Destination[] }) => {
  const [open, setOpen] = useState<Destination | 'new' | null>(null);
  const [removing, setRemoving] = useState<Destination | null>(null);
  const may = useCan()('destinations:write');
  return (
    <Card
      title="Transfer destinations"
      aside={
        may && (
          <Button small onClick={() => setOpen('new')}>
            Add a destination
          </Button>
        )
      }
    >
      {destinations.length === 0 ? (
        <Empty title="No destination yet">
          Agents hand callers over to destinations: Zendesk’s SIP-IN line, another SIP address, or a telephone.
        </Empty>
      ) : (
        <Table
          label="Transfer destinations"
          rows={destinations}
          keyOf={({ id }) => id}
          columns={[
            { title: 'Name', cell: ({ name }) => <span className="break">{name}</span> },
            { title: 'Kind', cell: ({ type }) => <Chip>{type === 'sip' ? 'SIP line' : 'Telephone'}</Chip> },
            { title: 'Address', cell: ({ value }) => <Address of={value} /> },
            { title: 'Rings', className: 'figure', cell: ({ ringTimeout }) => `${ringTimeout ?? 30} s` },
            {
              title: 'When nobody answers',
              cell: ({ onFailure }) =>
                ({ return: 'back to the agent', next: 'next destination', hangup: 'hang up' })[onFailure ?? 'return'],
            },
            {
              title: 'Actions',
              cell: (destination) =>
                may && (
                  <div className="row end">
                    <Button small onClick={() => setOpen(destination)} aria-label={`Edit ${destination.name}`}>
                      Edit
                    </Button>
                    <Button
                      small
                      look="danger"
                      onClick={() => setRemoving(destination)}
                      aria-label={`Remove ${destination.name}`}
                    >
                      Remove
                    </Button>
                  </div>
                ),
            },
          ]}
        />
      )}
      {open !== null && (
        <DestinationDialog
          destination={open === 'new' ? null : open}
          others={destinations.filter((each) => open === 'new' || each.id !== open.id)}
          onClose={() => setOpen(null)}
        />
      )}
      {removing !== null && <RemoveDestination destination={removing} onClose={() => setRemoving(null)} />}
    </Card>
  );
};

export const AgentsPage = () => {
  const org = useOrg();
  const agents = useRead('GET /v1/agents', { query: org });
  const destinations = useRead('GET /v1/transfer-destinations', { query: org });
  return (
    <>
      <PageHead title="Agents & destinations" about="Who answers, and whom callers are handed over to" />
      <Failure error={agents.error ?? destinations.error} />
      {agents.data === undefined || destinations.data === undefined ? (
        agents.isPending && <Loading />
      ) : (
        <>
          <Agents agents={agents.data.items} destinations={destinations.data.items} />
          <Destinations destinations={destinations.data.items} />
        </>
      )}
    </>
  );
};
