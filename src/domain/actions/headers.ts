import { headerName } from './header-name.js';
import { headerValueFault } from './template/header-template.js';

/** One header as it will be sent. */
export type Header = readonly [name: string, value: string];

export const isReservedHeader = (name: string): boolean => headerName(name).reserved;

export const isConnectionHeader = (name: string): boolean => headerName(name).connection;

const agent: Header = ['User-Agent', 'OpenCX'];

/** Headers in the making. Later layers replace earlier ones, names compared without case: two spellings never both arrive. */
export type HeaderSet = {
  /** Adds a header that was checked when it was compiled; only names that nobody may set are left out. */
  add(header: Header): void;
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
  return {
    add(header) {
      const name = headerName(header[0]);
      if (name.reserved || name.connection) dropped.push(header[0]);
      else merged.set(name.lower, header);
    },
    addUnchecked(layer) {
      for (const header of layer) {
        const name = headerName(header[0]);
        const usable = name.valid && !name.reserved && !name.connection && headerValueFault(header[1]) === undefined;
        if (usable) merged.set(name.lower, header);
        else dropped.push(header[0]);
      }
    },
    list(context) {
      const headers = [agent];
      for (const header of merged.values()) headers.push(header);
      for (const header of context) headers.push(header);
      return headers;
    },
    dropped,
  };
};

/** The flat form undici takes: names and values in turn. */
export const flatHeaders = (headers: readonly Header[]): string[] => {
  const flat = ['accept-encoding', 'identity'];
  for (const header of headers) flat.push(header[0], header[1]);
  return flat;
};
