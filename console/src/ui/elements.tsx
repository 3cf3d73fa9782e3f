import { type ButtonHTMLAttributes, type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { ApiError, sentenceOf } from '../api/client.js';

export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'plain';

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & {
  readonly look?: 'primary' | 'danger' | 'plain';
  readonly small?: boolean;
};

export const Button = ({ look, small, className, type = 'button', ...rest }: ButtonProps) => (
  <button
    type={type}
    className={['button', look, small ? 'small' : '', className].filter(Boolean).join(' ')}
    {...rest}
  />
);

export const Chip = ({ tone = 'plain', mono, children }: { tone?: Tone; mono?: boolean; children: ReactNode }) => (
  <span className={`chip ${tone}${mono ? ' mono' : ''}`}>{children}</span>
);

export const Notice = ({ tone = 'info', children }: { tone?: Tone; children: ReactNode }) => (
  <div className={`notice ${tone}`} role={tone === 'bad' ? 'alert' : undefined}>
    {children}
  </div>
);

/** An error as a sentence, and what is wrong where, when the gateway named it. */
export const Failure = ({ error }: { error: unknown }) => {
  if (error === null || error === undefined) return null;
  const details = error instanceof ApiError ? error.details : [];
  return (
    <Notice tone="bad">
      <p>{sentenceOf(error)}</p>
      {details.length > 0 && (
        <ul>
          {details.map((fault) => (
            <li key={`${fault.path} ${fault.message}`}>
              <code>{fault.path}</code> {fault.message}
            </li>
          ))}
        </ul>
      )}
    </Notice>
  );
};

/** Nothing is here yet: what it will be, and what to do for it. */
export const Empty = ({ title, children, action }: { title: string; children: ReactNode; action?: ReactNode }) => (
  <div className="empty">
    <h2>{title}</h2>
    <p>{children}</p>
    {action}
  </div>
);

export const Loading = () => (
  <p className="loading" role="status">
    Reading…
  </p>
);

/** The head of a page; the window is called after it. */
export const PageHead = ({ title, about, children }: { title: string; about?: ReactNode; children?: ReactNode }) => {
  useEffect(() => {
    document.title = `${title} · Voice gateway`;
  }, [title]);
  return (
    <header className="page-head">
      <div>
        <h1>{title}</h1>
        {about !== undefined && <p className="muted">{about}</p>}
      </div>
      {children !== undefined && <div className="row">{children}</div>}
    </header>
  );
};

export const Card = ({ title, aside, children }: { title?: ReactNode; aside?: ReactNode; children: ReactNode }) => (
  <section className="card">
    {(title !== undefined || aside !== undefined) && (
      <div className="card-head">
        {title !== undefined && <h2>{title}</h2>}
        {aside}
      </div>
    )}
    {children}
  </section>
);

/** Pairs of a term and what it is. */
export const Facts = ({ of }: { of: readonly (readonly [string, ReactNode])[] }) => (
  <dl className="facts">
    {of.map(([term, value], index) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: terms that others chose may be there twice; their order stays.
      <FactPair key={index} term={term} value={value} />
    ))}
  </dl>
);

const FactPair = ({ term, value }: { term: string; value: ReactNode }) => (
  <>
    <dt>{term}</dt>
    <dd>{value}</dd>
  </>
);

/** Text that somebody pastes elsewhere. */
export const Copy = ({ text, label }: { text: string; label: string }) => {
  const [done, setDone] = useState<'copied' | 'chosen' | null>(null);
  const shown = useRef<HTMLPreElement>(null);
  const choose = (): void => {
    if (shown.current !== null) getSelection()?.selectAllChildren(shown.current);
    setDone('chosen');
  };
  const copy = (): void => {
    // Without TLS the browser gives pages no clipboard; it may also refuse.
    const clipboard: Clipboard | undefined = navigator.clipboard;
    if (clipboard === undefined) choose();
    else clipboard.writeText(text).then(() => setDone('copied'), choose);
  };
  return (
    <div className="copy">
      <pre ref={shown}>{text}</pre>
      <Button small onClick={copy} aria-label={`Copy ${label}`}>
        {done === 'copied' ? 'Copied' : done === 'chosen' ? 'Now press Ctrl+C' : 'Copy'}
      </Button>
    </div>
  );
};

export type TabList = readonly { readonly id: string; readonly title: string; readonly content: ReactNode }[];

/** Tabs by the pattern of the ARIA practices: arrows move, the chosen one is in the order of Tab. */
export const Tabs = ({ tabs, label }: { tabs: TabList; label: string }) => {
  const [chosen, setChosen] = useState(tabs[0]?.id ?? '');
  const id = useId();
  const move = (by: number): void => {
    const index = tabs.findIndex((tab) => tab.id === chosen);
    const next = tabs[(index + by + tabs.length) % tabs.length];
    if (next === undefined) return;
    setChosen(next.id);
    document.getElementById(`${id}-${next.id}`)?.focus();
  };
  return (
    <div className="stack">
      <div className="tabs" role="tablist" aria-label={label}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            id={`${id}-${tab.id}`}
            aria-selected={tab.id === chosen}
            aria-controls={`${id}-${tab.id}-panel`}
            tabIndex={tab.id === chosen ? 0 : -1}
            onClick={() => setChosen(tab.id)}
            onKeyDown={(event) => {
              if (event.key === 'ArrowRight') move(1);
              if (event.key === 'ArrowLeft') move(-1);
            }}
          >
            {tab.title}
          </button>
        ))}
      </div>
      {tabs.map((tab) => (
        <div
          key={tab.id}
          role="tabpanel"
          id={`${id}-${tab.id}-panel`}
          aria-labelledby={`${id}-${tab.id}`}
          hidden={tab.id !== chosen}
        >
          {tab.content}
        </div>
      ))}
    </div>
  );
};
