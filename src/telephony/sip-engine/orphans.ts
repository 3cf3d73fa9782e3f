import type { Owner } from './drachtio/application.js';
import type { EngineContext } from './user-agent/context.js';
import { endDialog } from './user-agent/dialog-requests.js';

/** How long the calls of an application that went away wait for it to come back, ms. */
export const orphanPatience = 60_000;

/**
 * Ends what nobody came back for: a call whose application is gone for good would stay until its caller tires of the
 * silence.
 */
export const watchOrphans = (ctx: EngineContext, owners: readonly Owner[], onDone: () => void): { cancel(): void } =>
  ctx.clock.after(orphanPatience, () => {
    onDone();
    const lost = owners.filter((owner) => ctx.applications.orphans().includes(owner));
    if (lost.length === 0) return;
    let ended = 0;
    for (const dialog of [...ctx.dialogs.values()]) {
      if (!lost.includes(dialog.owner)) continue;
      endDialog(ctx, dialog, 'application gone', 'system-initiated-termination');
      ended += 1;
    }
    for (const owner of lost) ctx.applications.forget(owner);
    if (ended > 0) ctx.log('warn', { dialogs: ended }, 'calls ended: their application did not come back');
  });
