import { createContext, useContext } from 'react';
import type { Reply } from './client.js';

export type Who = Reply<'GET /console/session'>;

type Signed = {
  readonly who: Who;
  /** The organization that is looked at; null while an operator has none to choose. */
  readonly organization: string | null;
};

const context = createContext<Signed | null>(null);
export const WhoProvider = context.Provider;

const useSigned = (): Signed => {
  const signed = useContext(context);
  if (signed === null) throw new Error('nobody is signed in here');
  return signed;
};

/** Whether the person who is signed in may do this; the gateway judges again. */
export const useCan = (): ((action: string) => boolean) => {
  const { who } = useSigned();
  return (action) => who.permissions.includes(action);
};

/** The query that names the organization. */
export const useOrg = (): { readonly organization: string } | Record<string, never> => {
  const { organization } = useSigned();
  return organization === null ? {} : { organization };
};

export const useWho = (): Who => useSigned().who;
