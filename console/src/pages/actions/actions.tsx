import type { Reply } from '../../api/client.js';
import { useRead } from '../../api/hooks.js';
import { useCan, useOrg } from '../../api/who.js';
import { go, Link } from '../../app/router.js';
import { Address } from '../../ui/breakable.js';
import { Button, Chip, Empty, Failure, Loading, PageHead } from '../../ui/elements.js';

export type Action = Reply<'GET /v1/actions'>['items'][number];

const ActionCard = ({ action }: { action: Action }) => (
  <li className="card stack-small">
    <div className="row">
      <Chip tone="info" mono>
        {action.method}
      </Chip>
      <Link to={`/actions/${action.id}`}>
        <strong className="break">{action.name}</strong>
      </Link>
    </div>
    {action.kind === 'legacy-webhook' && <Chip tone="warn">Legacy Webhook Action</Chip>}
    {action.description !== null && <p className="break">{action.description}</p>}
    <span className="muted">
      <Address of={action.url} />
    </span>
    {action.fault !== null && <Chip tone="bad">cannot run</Chip>}
    {action.warnings.length > 0 && (
      <Chip tone="warn">{action.warnings.length === 1 ? '1 warning' : `${action.warnings.length} warnings`}</Chip>
    )}
  </li>
);

export const ActionsPage = () => {
  const may = useCan()('actions:write');
  const actions = useRead('GET /v1/actions', { query: useOrg() });
  const add = may && (
    <Button look="primary" onClick={() => go('/actions/new')}>
      Add an action
    </Button>
  );
  return (
    <>
      <PageHead title="Actions" about="Requests into your own systems that agents make during a call">
        {actions.data !== undefined && actions.data.items.length > 0 && add}
      </PageHead>
      <Failure error={actions.error} />
      {actions.isPending && <Loading />}
      {actions.data?.items.length === 0 && (
        <Empty title="No action yet" action={add}>
          An action is an HTTPS request, for instance into your shop, whose answer the agent may use. Add one, test it,
          and give it to an agent as a tool.
        </Empty>
      )}
      <ul className="cards">
        {actions.data?.items.map((action) => (
          <ActionCard key={action.id} action={action} />
        ))}
      </ul>
    </>
  );
};
