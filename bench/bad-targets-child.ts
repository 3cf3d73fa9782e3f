import { badBehaviours, startStallingTarget } from '../test/support/bad-targets.js';
import { startHttpsTarget } from '../test/support/https-target.js';

// Targets that do everything wrong, in a process of their own: its memory does not count as ours. The path says which.
const target = await startHttpsTarget();
const stalling = await startStallingTarget();
target.respond = (request, response) => {
  target.requests.length = 0;
  badBehaviours[Number(request.url.slice(1))]?.respond(request, response);
};
process.send?.({ port: target.port, stallingPort: stalling.port, authority: target.authority });
process.once('disconnect', () => process.exit(0));
