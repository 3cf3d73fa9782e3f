import { useState } from 'react';
import { Button } from '../ui/elements.js';

type Theme = 'light' | 'dark';

const system = window.matchMedia('(prefers-color-scheme: dark)');
/** What was chosen by hand; kept in this page only, for the console leaves nothing in the browser's store. */
let chosen: Theme | null = null;

const current = (): Theme => chosen ?? (system.matches ? 'dark' : 'light');

export const applyTheme = (): void => {
  document.documentElement.dataset.theme = current();
};

system.addEventListener('change', applyTheme);

export const ThemeSwitch = () => {
  const [theme, setTheme] = useState(current());
  const other: Theme = theme === 'dark' ? 'light' : 'dark';
  const change = (): void => {
    chosen = other;
    applyTheme();
    setTheme(other);
  };
  return (
    <Button small look="plain" onClick={change} aria-label={`Use ${other} colours`}>
      {theme === 'dark' ? '☀ Light' : '☾ Dark'}
    </Button>
  );
};
