import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { RequestHandler } from 'express';

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

/** Everything comes from here and nothing inline runs: what a caller or a target sent cannot become a script. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "media-src 'self'",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

type File = { readonly type: string; readonly body: Buffer; readonly packed: Buffer; readonly immutable: boolean };

/** All files of the folder by path; empty when there is no such folder. They are few, and known when it was built. */
const filesOf = (folder: string): ReadonlyMap<string, File> => {
  const found = new Map<string, File>();
  const entries = (() => {
    try {
      return readdirSync(folder, { recursive: true, withFileTypes: true });
    } catch {
      return [];
    }
  })();
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const type = types[entry.name.split('.').at(-1) ?? ''];
    if (!entry.isFile() || type === undefined) continue;
    const name = relative(folder, path).replaceAll('\\', '/');
    const body = readFileSync(path);
    // The bundler names what is below `assets` by its content.
    found.set(name, { type, body, packed: gzipSync(body, { level: 9 }), immutable: name.startsWith('assets/') });
  }
  return found;
};

/** Serves the built console under /console: its files, and its page for every other path, which the page itself reads. */
export const consoleFiles = (folder: string): RequestHandler => {
  const files = filesOf(folder);
  return (request, response, next) => {
    const match = /^\/console(?:\/([^?]*))?$/.exec(request.path);
    if (match === null || request.path === '/console/session' || !['GET', 'HEAD'].includes(request.method)) {
      next();
      return;
    }
    const name = match[1] ?? '';
    const file = files.get(name) ?? (name.startsWith('assets/') ? undefined : files.get('index.html'));
    if (file === undefined) {
      next();
      return;
    }
    response.setHeader('Content-Security-Policy', contentSecurityPolicy);
    response.setHeader('Referrer-Policy', 'no-referrer');
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Permissions-Policy', 'camera=(), microphone=(), geolocation=()');
    response.setHeader('Cache-Control', file.immutable ? 'public, max-age=31536000, immutable' : 'no-cache');
    response.setHeader('Content-Type', file.type);
    response.setHeader('Vary', 'Accept-Encoding');
    const packs = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
    if (packs) response.setHeader('Content-Encoding', 'gzip');
    const body = packs ? file.packed : file.body;
    response.setHeader('Content-Length', body.length);
    response.end(request.method === 'HEAD' ? undefined : body);
  };
};
