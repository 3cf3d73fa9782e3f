/** Credentials in paths would end up here; everything that is logged of a request goes by its route or masked. */
export const maskedPath = (url: string): string =>
  (url.split('?', 1)[0] ?? '').slice(0, 512).replace(/(\/voice-prefetch\/)[^/]+/g, '$1••••••••');
