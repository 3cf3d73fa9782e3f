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

export type HeaderLayers = {
  /** What the gateway itself suggests and any layer may replace. */
  readonly defaults: readonly Header[];
  readonly action: readonly Header[];
  readonly variables: Iterable<Header>;
  readonly session: Iterable<Header>;
  readonly auth: readonly Header[];
  readonly context: readonly Header[];
};

const agent: Header = ['User-Agent', 'OpenCX'];

/**
 * Merges the layers (A4): later wins, names compared without case, so that two spellings never both arrive.
 * `User-Agent` and `x-opencx-*` come from the gateway alone. What cannot be sent is left out and named in `dropped`.
 */
export const mergeHeaders = (
  layers: HeaderLayers,
): { readonly headers: readonly Header[]; readonly dropped: readonly string[] } => {
  const merged = new Map<string, Header>();
  const dropped: string[] = [];
  const add = (layer: Iterable<Header>): void => {
    for (const header of layer) {
      const [name, value] = header;
      const lower = name.toLowerCase();
      const unusable =
        isReservedHeader(lower) ||
        connectionHeaders.has(lower) ||
        headerNameFault(name) !== undefined ||
        headerValueFault(value) !== undefined;
      if (unusable) dropped.push(name);
      else merged.set(lower, header);
    }
  };
  add(layers.defaults);
  add(layers.action);
  add(layers.variables);
  add(layers.session);
  add(layers.auth);
  const headers: Header[] = [agent, ...merged.values(), ...layers.context];
  return { headers, dropped };
};

/** The flat form undici takes: names and values in turn. */
export const flatHeaders = (headers: readonly Header[]): string[] => {
  const flat = ['accept-encoding', 'identity'];
  for (const [name, value] of headers) flat.push(name, value);
  return flat;
};
