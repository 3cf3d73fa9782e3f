/** Credentials in paths would end up here; everything that is logged of a request goes by its route or masked. */
export const maskedPath = (url: string): string => {
  const query = url.indexOf('?');
  const path = url.slice(0, query < 0 ? 512 : Math.min(query, 512));
  return path.includes('/voice-prefetch/') ? path.replace(/(\/voice-prefetch\/)[^/]+/g, '$1••••••••') : path;
};
