import { type AnchorHTMLAttributes, type MouseEvent, useSyncExternalStore } from 'react';
import { base, pathIn } from './addresses.js';

const subscribe = (listener: () => void): (() => void) => {
  window.addEventListener('popstate', listener);
  return () => window.removeEventListener('popstate', listener);
};

const current = (): string => pathIn(window.location.pathname);

export const usePath = (): string => useSyncExternalStore(subscribe, current);

/** Goes to a page of the console. */
export const go = (path: string): void => {
  window.history.pushState(null, '', `${base}${path}`);
  window.dispatchEvent(new PopStateEvent('popstate'));
  window.scrollTo(0, 0);
  // Whoever uses a keyboard or hears the page begins at its beginning.
  document.getElementById('main')?.focus({ preventScroll: true });
};

type LinkProps = Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'href'> & { readonly to: string };

/** A link to a page of the console; with a modifier key the browser opens it as any other. */
export const Link = ({ to, onClick, children, ...rest }: LinkProps) => {
  const follow = (event: MouseEvent<HTMLAnchorElement>): void => {
    onClick?.(event);
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={`${base}${to}`} onClick={follow} {...rest}>
      {children}
    </a>
  );
};
