// Joins the two programs, the gateway's main thread and the command line, and the libraries they need into a few files, dist/bin: to
// find and to read 1,500 modules one by one was half of a start. Threads and child processes use the files in dist/src as they are.
import { chmodSync, rmSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const dist = resolve(dirname(fileURLToPath(import.meta.url)), '../dist');
const out = `${dist}/bin`;

/** A module finds what lies beside its own file wherever it is moved to: scripts for Redis, profiles, files of threads. */
const ownPlace = {
  name: 'own-place',
  transform(code, id) {
    if (!code.includes('import.meta.url')) return null;
    const place = JSON.stringify(relative(out, id));
    return { code: code.replaceAll('import.meta.url', `new URL(${place}, import.meta.url).href`), map: null };
  },
};

rmSync(out, { recursive: true, force: true });
const programs = { gateway: `${dist}/src/main.js`, 'voice-gateway': `${dist}/src/cli/main.js` };
const bundle = await rolldown({ input: programs, platform: 'node', plugins: [ownPlace] });
// All in one folder: what `import.meta.url` is relative to must be known before a module has its place.
await bundle.write({
  dir: out,
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
  comments: { legal: true, annotation: false, jsdoc: false },
});
await bundle.close();
// npm makes a command executable when it installs the package, which was before this file was there.
chmodSync(`${out}/voice-gateway.js`, 0o755);
