import { headerNameFault, headerValueFault } from './template/header-template.js';

/** One header as it will be sent. */
export type Header = readonly [name: string, value: string];

/** Names that say who calls; nobody but the gateway sets them, or a receiver could be deceived. */
export const isReservedHeader = (name: string): boolean => {
  const lower = name.toLowerCase();
  return lower === 'user-agent' || lower.startsWith('x-opencx-');
};

/** Names that belong to the connection (RFC 9110 section 7.6.1, RFC 9112); setting them would break framing. */
const connectionHeaders: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'content-length',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'accept-encoding',
]);

export const isConnectionHeader = (name: string): boolean => connectionHeaders.has(name.toLowerCase());

const agent: Header = ['User-Agent', 'OpenCX'];

/** Headers in the making. Later layers replace earlier ones, names compared without case: two spellings never both arrive. */
export type HeaderSet = {
  /** Adds a layer that was checked when it was compiled; only names that nobody may set are left out. */
  add(layer: Iterable<Header>): void;
  /** Adds a layer that comes from a store or a session; what cannot be sent is left out. */
  addUnchecked(layer: Iterable<Header>): void;
  /** What is sent now: `User-Agent` first, the context headers last, both from the gateway alone. */
  list(context: readonly Header[]): Header[];
  /** Names that were left out. */
  readonly dropped: readonly string[];
};

export const createHeaderSet = (): HeaderSet => {
  const merged = new Map<string, Header>();
  const dropped: string[] = [];
  const put = (header: Header, usable: boolean): void => {
    const lower = header[0].toLowerCase();
    if (usable && !isReservedHeader(lower) && !connectionHeaders.has(lower)) merged.set(lower, header);
    else dropped.push(header[0]);
  };
  return {
    add(layer) {
      for (const header of layer) put(header, true);
    },
    addUnchecked(layer) {
      for (const header of layer) {
        put(header, headerNameFault(header[0]) === undefined && headerValueFault(header[1]) === undefined);
      }
    },
    list: (context) => [agent, ...merged.values(), ...context],
    dropped,
  };
};

/** The flat form undici takes: names and values in turn. */
export const flatHeaders = (headers: readonly Header[]): string[] => {
  const flat = ['accept-encoding', 'identity'];
  for (const [name, value] of headers) flat.push(name, value);
  return flat;
};
