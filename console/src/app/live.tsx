import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';
import { addressOf, call, type Reply } from '../api/client.js';
import { useCan, useOrg } from '../api/who.js';
import { refusalOf } from './refusal.js';
import { timelineTypes } from './timeline-words.js';

export type Session = Reply<'GET /v1/sessions'>['items'][number];
/** `why`: what the gateway says of it. */
export type LiveState = { readonly name: 'connecting' | 'live' | 'lost' | 'crowded'; readonly why?: string };

export const liveKey = (organization: string | undefined) => ['live calls', organization] as const;

/** How long a call that has ended is still shown, ms. */
const lingering = 4_000;
/** Several entries of one call in this time, ms, are one look at it. */
const together = 120;

/** All live calls; the newest 2,000 when there are more. */
export const liveCalls = async (organization: string | undefined, signal: AbortSignal): Promise<readonly Session[]> => {
  const found: Session[] = [];
  let cursor: string | undefined;
  do {
    const page = await call(
      'GET /v1/sessions',
      { query: { organization, live: 'true', limit: '500', cursor } },
      { signal },
    );
    found.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined && found.length < 2_000);
  return found;
};

/** Puts what events tell into what is on the screen: reads each call they name anew, once for several. */
const createReader = (client: QueryClient, organization: string | undefined) => {
  const waiting = new Map<string, ReturnType<typeof setTimeout>>();
  const leaving = new Map<string, ReturnType<typeof setTimeout>>();
  const key = liveKey(organization);
  const change = (with_: (rows: readonly Session[]) => readonly Session[]): void => {
    client.setQueryData<readonly Session[]>(key, (rows) => (rows === undefined ? undefined : with_(rows)));
  };
  const leave = (id: string): void => {
    leaving.set(
      id,
      setTimeout(() => {
        leaving.delete(id);
        change((rows) => rows.filter((row) => row.id !== id));
      }, lingering),
    );
  };
  const read = async (id: string): Promise<void> => {
    waiting.delete(id);
    const session = await call('GET /v1/sessions/{id}', { path: { id } }).catch(() => null);
    if (session === null) return;
    client.setQueryData(['GET /v1/sessions/{id}', { path: { id } }], session);
    void client.invalidateQueries({ queryKey: ['GET /v1/sessions/{id}/ladder', { path: { id } }] });
    const { timeline: _, ...row } = session;
    change((rows) => {
      if (rows.some((each) => each.id === id)) return rows.map((each) => (each.id === id ? row : each));
      return row.status === 'ended' ? rows : [row, ...rows];
    });
    if (row.status === 'ended' && !leaving.has(id)) leave(id);
  };
  return {
    told(id: string, type: string): void {
      // What stands beside the timeline of a call, and is read by itself.
      if (type.startsWith('contact.')) void client.invalidateQueries({ queryKey: ['GET /v1/contacts/{id}'] });
      if (type === 'action.run') void client.invalidateQueries({ queryKey: ['GET /v1/runs'] });
      if (!waiting.has(id))
        waiting.set(
          id,
          setTimeout(() => void read(id), together),
        );
    },
    gap: (): void => void client.invalidateQueries(),
    close(): void {
      for (const timer of [...waiting.values(), ...leaving.values()]) clearTimeout(timer);
    },
  };
};

const sessionIn = (data: unknown): string | null => {
  if (typeof data !== 'string') return null;
  const value: unknown = JSON.parse(data);
  if (typeof value !== 'object' || value === null || !('sessionId' in value)) return null;
  return typeof value.sessionId === 'string' ? value.sessionId : null;
};

const stateContext = createContext<LiveState>({ name: 'connecting' });
export const useLiveState = (): LiveState => useContext(stateContext);

/** Follows the events of the organization for everything below it. */
export const LiveEvents = ({ children }: { children: ReactNode }) => {
  const client = useQueryClient();
  const { organization } = useOrg();
  const allowed = useCan()('sessions:read') && organization !== undefined;
  const [state, setState] = useState<LiveState>({ name: 'connecting' });
  const address = useMemo(() => addressOf('GET /v1/events', { query: { organization } }), [organization]);
  useEffect(() => {
    if (!allowed) return;
    const reader = createReader(client, organization);
    const left = new AbortController();
    let missed = false;
    let source: EventSource;
    let again: ReturnType<typeof setTimeout> | undefined;
    const open = (): void => {
      source = new EventSource(address);
      source.onopen = () => {
        setState({ name: 'live' });
        // What happened between the first look and this moment is in no event.
        if (missed) reader.gap();
        else void client.invalidateQueries({ queryKey: liveKey(organization) });
        missed = false;
      };
      source.onerror = () => {
        if (source.readyState === EventSource.CLOSED) void refused();
        // The browser comes again by itself.
        else setState({ name: 'lost' });
      };
      source.addEventListener('gap', () => reader.gap());
      for (const type of timelineTypes) {
        source.addEventListener(type, (event) => {
          const id = sessionIn(event.data);
          if (id !== null) reader.told(id, type);
        });
      }
    };
    const refused = async (): Promise<void> => {
      missed = true;
      void client.invalidateQueries({ queryKey: ['GET /console/session'] });
      const refusal = await refusalOf(address, left.signal);
      if (left.signal.aborted) return;
      setState(refusal.state === 'crowded' ? { name: 'crowded', why: refusal.why } : { name: 'lost' });
      again = setTimeout(() => {
        if (refusal.state === 'crowded') reader.gap();
        open();
      }, refusal.wait);
    };
    open();
    return () => {
      left.abort();
      clearTimeout(again);
      source.close();
      reader.close();
    };
  }, [client, organization, allowed, address]);
  return <stateContext.Provider value={state}>{children}</stateContext.Provider>;
};
