import type { ReactNode } from 'react';
import { ActionPage } from '../pages/actions/action.js';
import { ActionsPage } from '../pages/actions/actions.js';
import { AgentsPage } from '../pages/agents/agents.js';
import { CallPage } from '../pages/call/call.js';
import { EndedPage } from '../pages/live/ended.js';
import { LivePage } from '../pages/live/live.js';
import { NumbersPage } from '../pages/numbers/numbers.js';
import { RunsPage } from '../pages/runs/runs.js';
import { SystemPage } from '../pages/system/system.js';
import { VaultPage } from '../pages/vault/vault.js';
import { WebhooksPage } from '../pages/webhooks/webhooks.js';
import { ZendeskPage } from '../pages/zendesk/zendesk.js';
import { Empty } from '../ui/elements.js';
import { type PageName, pageAt } from './addresses.js';
import { Link, usePath } from './router.js';

const pages: Readonly<Record<PageName, (id: string) => ReactNode>> = {
  live: () => <LivePage />,
  ended: () => <EndedPage />,
  call: (id) => <CallPage id={id} key={id} />,
  agents: () => <AgentsPage />,
  numbers: () => <NumbersPage />,
  actions: () => <ActionsPage />,
  action: (id) => <ActionPage id={id} key={id} />,
  runs: () => <RunsPage />,
  vault: () => <VaultPage />,
  zendesk: () => <ZendeskPage />,
  webhooks: () => <WebhooksPage />,
  system: () => <SystemPage />,
};

export const Pages = () => {
  const place = pageAt(usePath());
  if (place !== null) return pages[place.name](place.id);
  return (
    <Empty title="There is no such page" action={<Link to="/">Live calls</Link>}>
      The address names nothing this console has.
    </Empty>
  );
};
