// Copies what the compiler leaves behind (Lua scripts, prompts) to where the compiled files look for it.
import { cpSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const endings = ['.lua', '.wav', '.yaml', '.html'];
const walk = (dir) => {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) walk(path);
    else if (endings.some((e) => name.endsWith(e))) cpSync(path, join('dist', path), { recursive: true });
  }
};
walk('src');
