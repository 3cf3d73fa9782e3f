import { parseNameAddr } from '../header-values.js';
import { getHeaderList } from '../headers.js';
import type { SipMessage } from '../message.js';
import { parseUri } from '../uri.js';

/** The route set a Record-Route gives: in order for the UAS (RFC 3261 12.1.1), reversed for the UAC (12.1.2). */
export const routeSetOf = (message: SipMessage, role: 'uac' | 'uas'): string[] => {
  const routes = getHeaderList(message, 'Record-Route');
  return role === 'uac' ? routes.reverse() : routes;
};

const uriOf = (route: string): string => parseNameAddr(route)?.uri ?? route;

/** A router that keeps the Request-URI has `lr` in its URI; one without is a strict router of RFC 2543. */
export const isLooseRouter = (route: string): boolean => parseUri(uriOf(route))?.params.has('lr') ?? true;

export type RoutedRequest = {
  uri: string;
  routes: string[];
  /** URI to resolve for sending. */
  nextHop: string;
};

/** Request-URI, Route and next hop of a request to `target` through `routes` (RFC 3261 12.2.1.1). */
export const routeRequest = (target: string, routes: readonly string[]): RoutedRequest => {
  const [first, ...rest] = routes;
  if (first === undefined) return { uri: target, routes: [], nextHop: target };
  const firstUri = uriOf(first);
  if (isLooseRouter(first)) return { uri: target, routes: [...routes], nextHop: firstUri };
  // A strict router takes the Request-URI from the next Route, so the target goes to the end.
  const bare = firstUri.replace(/\?[\s\S]*$/, '');
  return { uri: bare, routes: [...rest, `<${target}>`], nextHop: bare };
};
