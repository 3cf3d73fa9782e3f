import type { Clock } from '../../../core/clock.js';
import type { Logger } from '../../../core/logger.js';
import type { SipConnection } from '../connection/connection.js';
import type { SipRequest } from '../connection/messages.js';
import type { DestinationGuard } from '../destination-guard.js';
import type { LiveDialog } from '../dialogs/dialog.js';
import type { ProfileRegistry } from '../profiles/registry.js';

/** A dialog, or an answered INVITE that waits for its ACK: whatever takes requests under a dialog id. */
export type DialogEntry = Pick<LiveDialog, 'receive' | 'lost'>;

/** What calls share with the server. */
export type CallDeps = {
  readonly connection: SipConnection;
  readonly clock: Clock;
  readonly log: Logger;
  readonly profiles: ProfileRegistry;
  /** Host of our From; `localhost` is replaced by the SIP server with its own address. */
  readonly domain: string;
  readonly dialogs: Map<string, DialogEntry>;
  /** Judges where calls of ours go; null: nobody does. */
  readonly guard: DestinationGuard | null;
  /** True for a SIP server that does not ask the guard: names are resolved here then. */
  readonly resolvesHere: boolean;
  /** Whether the peer sent anything for a Call-ID, 100 Trying included; null when nobody can tell. */
  readonly heardFrom: (callId: string) => boolean | null;
};

export const answerQuietly = (
  request: SipRequest,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): void => {
  request.respond(status, { headers }).catch(() => {});
};
