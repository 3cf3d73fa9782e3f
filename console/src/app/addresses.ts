/** The page that is shown stands in the address, below this. */
export const base = '/console';

/** What an address of this console names: `/console/agents/` is `/agents`, `/console` is `/`. */
export const pathIn = (pathname: string): string => pathname.slice(base.length).replace(/\/$/, '') || '/';

const forms = [
  ['live', /^\/$/],
  ['ended', /^\/calls$/],
  // The notes the gateway writes on tickets lead to the first; the second is how the console once named it.
  ['call', /^\/(?:sessions|calls)\/([^/]+)$/],
  ['agents', /^\/agents$/],
  ['numbers', /^\/numbers$/],
  ['actions', /^\/actions$/],
  ['action', /^\/actions\/([^/]+)$/],
  ['runs', /^\/runs$/],
  ['vault', /^\/vault$/],
  ['zendesk', /^\/zendesk$/],
  ['webhooks', /^\/webhooks$/],
  ['system', /^\/system$/],
] as const;
export type PageName = (typeof forms)[number][0];

/** The page at a path, and the id in it where it has one; null when there is no such page. */
export const pageAt = (path: string): { readonly name: PageName; readonly id: string } | null => {
  for (const [name, form] of forms) {
    const match = form.exec(path);
    if (match !== null) return { name, id: decodeURIComponent(match[1] ?? '') };
  }
  return null;
};

/** Where the page of a call is. */
export const callPath = (id: string): string => `/sessions/${encodeURIComponent(id)}`;
