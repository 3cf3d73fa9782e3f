import { createHash } from 'node:crypto';
import { isLooseRouter } from '../dialogs/route-set.js';
import { parseNameAddr, parseVia } from '../header-values.js';
import { getHeaderList, prependHeader, removeFirstValue, setHeader } from '../headers.js';
import type { ParsedSip, SipRequest, SipResponse } from '../message.js';
import { parseUri } from '../uri.js';
import type { Identity, OwnAddress } from '../user-agent/identity.js';
import { hostPort } from '../user-agent/identity.js';

/**
 * A value that stays equal when a request comes back to us unchanged: what decides where it goes (RFC 5393 section
 * 4.2). It is part of the branch we put on it, and so tells a loop from a spiral.
 */
export const loopValue = (request: ParsedSip<SipRequest>): string => {
  const hash = createHash('sha1');
  const parts = [request.message.uri, request.callId, request.fromTag, request.toTag, String(request.cseq.number)];
  for (const header of request.message.headers) {
    if (header.name === 'Route' || header.name.startsWith('Proxy-')) parts.push(header.name, header.value);
  }
  return hash.update(parts.join('\n')).digest('hex').slice(0, 12);
};

/** True when the request passed through us before and would go the same way again (RFC 3261 16.3 item 4). */
export const isLooping = (request: ParsedSip<SipRequest>, identity: Identity): boolean => {
  const value = `.${loopValue(request)}`;
  return getHeaderList(request.message, 'Via').some((text) => {
    const via = parseVia(text);
    return via?.params.get('branch')?.endsWith(value) === true && identity.isOurs(via.host, via.port);
  });
};

/** True when the request passed through us as a proxy at all: a spiral is no merged request. */
export const cameThroughUs = (request: ParsedSip<SipRequest>, identity: Identity): boolean =>
  getHeaderList(request.message, 'Via')
    .slice(1)
    .some((text) => {
      const via = parseVia(text);
      return via !== undefined && identity.isOurs(via.host, via.port);
    });

/** Max-Forwards after this hop, or undefined when there is none left (16.3 item 3). */
export const nextMaxForwards = (request: SipRequest): number | undefined => {
  const value = request.headers.find((header) => header.name === 'Max-Forwards')?.value;
  if (value === undefined) return 70;
  const left = Number.parseInt(value, 10);
  return Number.isNaN(left) ? 70 : left > 0 ? left - 1 : undefined;
};

const isOwnUri = (text: string, identity: Identity): boolean => {
  const uri = parseUri(text);
  return uri !== undefined && identity.isOurs(uri.host, uri.port);
};

const routeUri = (route: string): string => parseNameAddr(route)?.uri ?? route;

/**
 * A copy to forward: our own Route values taken off, and a Request-URI that a strict router replaced by our
 * Record-Route put back (16.4).
 */
export const preprocess = (request: SipRequest, identity: Identity): SipRequest => {
  const copy: SipRequest = { ...request, headers: [...request.headers] };
  const routes = getHeaderList(copy, 'Route');
  const last = routes.at(-1);
  if (last !== undefined && isOwnUri(copy.uri, identity) && parseUri(copy.uri)?.user === undefined) {
    copy.uri = routeUri(last);
    const rest = routes.slice(0, -1);
    copy.headers = copy.headers.filter((header) => header.name !== 'Route');
    if (rest.length > 0) copy.headers.push({ name: 'Route', value: rest.join(', ') });
  }
  for (;;) {
    const [first] = getHeaderList(copy, 'Route');
    if (first === undefined || !isOwnUri(routeUri(first), identity)) return copy;
    removeFirstValue(copy, 'Route');
  }
};

/** Where a request goes by its Route and Request-URI; rewrites both for a strict router (16.6 item 6). */
export const nextHopOf = (request: SipRequest): string => {
  const [first] = getHeaderList(request, 'Route');
  if (first === undefined) return request.uri;
  const uri = routeUri(first);
  if (isLooseRouter(first)) return uri;
  removeFirstValue(request, 'Route');
  const rest = getHeaderList(request, 'Route');
  request.headers = request.headers.filter((header) => header.name !== 'Route');
  request.headers.push({ name: 'Route', value: [...rest, `<${request.uri}>`].join(', ') });
  request.uri = uri;
  return uri;
};

const recordRoute = (own: OwnAddress): string => {
  const transport = own.transport === 'udp' ? '' : `;transport=${own.transport}`;
  return `<sip:${hostPort(own)}${transport};lr>`;
};

/** Puts us on the path of requests in the dialog; twice when the transport changes here (16.6 item 4, RFC 5658). */
export const addRecordRoute = (request: SipRequest, towardsCaller: OwnAddress, towardsCallee: OwnAddress): void => {
  const callerSide = recordRoute(towardsCaller);
  const calleeSide = recordRoute(towardsCallee);
  prependHeader(request, 'Record-Route', callerSide);
  if (calleeSide !== callerSide) prependHeader(request, 'Record-Route', calleeSide);
};

export const setMaxForwards = (request: SipRequest, value: number): void =>
  setHeader(request, 'Max-Forwards', String(value));

/** A response as it goes on towards the caller: without our Via (16.7 item 3). */
export const withoutOurVia = (response: ParsedSip<SipResponse>): SipResponse => {
  const copy: SipResponse = { ...response.message, headers: [...response.message.headers] };
  removeFirstValue(copy, 'Via');
  return copy;
};
