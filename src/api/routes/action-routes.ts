import type { ApiDeps } from '../deps.js';
import type { Route } from '../http/route.js';
import type { ActionParts } from './action-parts.js';
import { actionRoutes } from './actions.js';
import { certificateRoutes } from './certificates.js';
import { runRoutes } from './runs.js';
import { secretRoutes } from './secrets.js';
import { sessionInputRoutes } from './session-inputs.js';
import { globalRoutes, variableRoutes } from './variables.js';

/** Every route of the actions, of what they are made with and of what they leave behind. */
export const executorRoutes = (deps: ApiDeps, parts: ActionParts): readonly Route[] => [
  ...actionRoutes(deps, parts),
  ...runRoutes(deps, parts),
  ...variableRoutes(deps),
  ...globalRoutes(deps),
  ...secretRoutes(deps, parts),
  ...certificateRoutes(deps, parts),
  ...sessionInputRoutes(deps, parts),
];
