import { Notice } from '../ui/elements.js';
import type { LiveState } from './live.js';

/** Why what is shown may be older than it looks. */
export const Lag = ({ state }: { state: LiveState }) => {
  if (state.name === 'lost') {
    return (
      <Notice tone="warn">
        The gateway cannot be reached: what is shown may be old. This page tries again by itself.
      </Notice>
    );
  }
  if (state.name !== 'crowded') return null;
  return (
    <Notice tone="warn">
      Too many consoles are open: {state.why} Until one is closed, this page reads what it shows every half minute.
    </Notice>
  );
};
