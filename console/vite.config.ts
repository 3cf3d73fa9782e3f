import { defineConfig } from 'vite';

/** JSX is the bundler's own doing; `npm run console` serves the page with the API of a gateway on its usual port. */
export default defineConfig({
  root: import.meta.dirname,
  base: '/console/',
  build: {
    outDir: '../dist/console',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      onLog(level, log, handler) {
        // `use client` in packages is for servers that render; here all is client.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handler(level, log);
      },
    },
  },
  server: {
    host: '127.0.0.1',
    proxy: Object.fromEntries(
      ['/v1', '/console/session', '/backend', '/readyz', '/metrics'].map((path) => [path, 'http://127.0.0.1:8080']),
    ),
  },
});
