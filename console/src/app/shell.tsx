import { type ReactNode, useState } from 'react';
import { useCan, type Who } from '../api/who.js';
import { Button } from '../ui/elements.js';
import { Select } from '../ui/forms.js';
import { Lag } from './lag.js';
import { type LiveState, useLiveState } from './live.js';
import { Link, usePath } from './router.js';
import { ThemeSwitch } from './theme.js';

const places = [
  ['/', 'Live calls', 'sessions:read'],
  ['/calls', 'Ended calls', 'sessions:read'],
  ['/agents', 'Agents & destinations', 'agents:read'],
  ['/numbers', 'Numbers', 'numbers:read'],
  ['/actions', 'Actions', 'actions:read'],
  ['/runs', 'Run history', 'runs:read'],
  ['/vault', 'Variables & secrets', 'credentials:read'],
  ['/zendesk', 'Zendesk', 'prefetch:read'],
  ['/webhooks', 'Webhooks', 'webhooks:read'],
  ['/system', 'System', 'sessions:read'],
] as const;

const liveWords: Readonly<Record<LiveState['name'], string>> = {
  connecting: 'Connecting…',
  live: 'Live',
  lost: 'Not connected; trying again',
  crowded: 'Every half minute',
};

type ShellProps = {
  readonly who: Who;
  readonly organizations: readonly string[];
  readonly organization: string | null;
  readonly onChoose: (organization: string) => void;
  readonly onSignOut: () => void;
  readonly children: ReactNode;
};

export const Shell = ({ who, organizations, organization, onChoose, onSignOut, children }: ShellProps) => {
  const path = usePath();
  const can = useCan();
  const state = useLiveState();
  const [open, setOpen] = useState(false);
  const here = (place: string): boolean =>
    place === '/' || place === '/calls' ? path === place : path.startsWith(place);
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <header className={`side${open ? ' open' : ''}`}>
        <div className="brand">
          <img src="/console/icon.svg" alt="" width="26" height="26" />
          Voice gateway
          <Button className="menu-button" small aria-expanded={open} onClick={() => setOpen(!open)}>
            Menu
          </Button>
        </div>
        <nav className="nav" aria-label="Pages">
          {places
            .filter(([, , permission]) => can(permission))
            .map(([to, title]) => (
              <Link key={to} to={to} aria-current={here(to) ? 'page' : undefined} onClick={() => setOpen(false)}>
                {title}
              </Link>
            ))}
        </nav>
        <div className="side-foot">
          <span className="row" role="status">
            <span className={`dot ${state.name}`} aria-hidden="true" />
            {liveWords[state.name]}
          </span>
          {organizations.length > 1 && (
            <Select
              label="Organization"
              value={organization ?? ''}
              onValue={onChoose}
              options={organizations.map((id) => [id, id])}
            />
          )}
          <span className="muted break">
            {who.sub}
            <br />
            {who.role}
            {organization === null || organizations.length > 1 ? '' : ` of ${organization}`}
          </span>
          <span className="row">
            <ThemeSwitch />
            <Button small look="plain" onClick={onSignOut}>
              Sign out
            </Button>
          </span>
        </div>
      </header>
      <main className="main" id="main" tabIndex={-1}>
        <Lag state={state} />
        {children}
      </main>
    </div>
  );
};
