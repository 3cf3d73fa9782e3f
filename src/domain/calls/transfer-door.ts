import { isGatewayError } from '../../core/errors.js';
import type { Agent, Directory } from '../directory/records.js';
import type { CallDoors, TransferResult } from './ports.js';
import type { CallTransfers } from './transfer-ports.js';

const refused = (reason: string, hint: string | null): TransferResult => ({
  outcome: 'failed',
  sipStatus: null,
  reason,
  hint,
});

/**
 * The agent's way to a transfer: the same operation as the API's, but to its own destinations only, and answered when it
 * is certain what became of it. Never rejects: an agent can do something with an outcome, not with an error.
 */
export const transferDoor =
  (
    transfers: Pick<CallTransfers, 'start'>,
    agent: Pick<Agent, 'orgId' | 'transferDestinations'>,
    directory: Pick<Directory, 'destination'>,
  ): CallDoors['transfer'] =>
  async ({ destination, summary }) => {
    try {
      const known = await directory.destination(agent.orgId, destination);
      if (known === null || !agent.transferDestinations.includes(known.id)) {
        const own = agent.transferDestinations.map((id) => JSON.stringify(id)).join(', ');
        return refused(
          `The agent has no destination ${JSON.stringify(destination)}.`,
          own === '' ? 'No destination is assigned to this agent.' : `Its destinations are ${own}.`,
        );
      }
      const transfer = await transfers.start({ destination: known.id, summary: summary ?? null });
      if (transfer.started) return await transfer.settled;
      return refused(
        transfer.current.state === 'done'
          ? 'The caller has been transferred already.'
          : `A transfer to ${JSON.stringify(transfer.current.destination.name)} is under way already.`,
        null,
      );
    } catch (error) {
      return refused(isGatewayError(error) ? error.message : 'The gateway failed; its log has the cause.', null);
    }
  };
