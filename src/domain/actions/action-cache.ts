import { type CompiledAction, compileAction } from './compile-action.js';
import type { ActionDefinition } from './definition.js';

/** Compiled actions by organization, slug and revision, so that a call parses nothing. */
export type ActionCache = {
  get(organizationId: string, slug: string, revision: string, definition: ActionDefinition): CompiledAction;
};

const defaultSize = 5_000;

/** Keeps the most recently used `size` actions. A new revision replaces the one before. Throws what compiling throws. */
export const createActionCache = (size = defaultSize): ActionCache => {
  const cache = new Map<string, { revision: string; action: CompiledAction }>();
  return {
    get(organizationId, slug, revision, definition) {
      const key = `${organizationId} ${slug}`;
      const known = cache.get(key);
      if (known?.revision === revision) return known.action;
      const action = compileAction(definition);
      cache.delete(key);
      cache.set(key, { revision, action });
      if (cache.size > size) {
        const [oldest] = cache.keys();
        if (oldest !== undefined) cache.delete(oldest);
      }
      return action;
    },
  };
};
