import type { Dialog } from './dialog.js';

const networkKey = (callId: string, localTag: string, remoteTag: string): string =>
  `${callId}|${localTag}|${remoteTag}`;

/** The application's name of a dialog: Call-ID and From tag of the request that made it, whichever side we are. */
export const dialogIdOf = (callId: string, fromTag: string): string => `${callId};from-tag=${fromTag}`;

/** All dialogs, found by what the network says (Call-ID and both tags) and by the name the application uses. */
export class DialogTable {
  readonly #byTags = new Map<string, Dialog>();
  readonly #byId = new Map<string, Dialog>();
  readonly #byCallId = new Map<string, Dialog>();
  /** Names promised to requests of ours whose dialog does not exist yet. */
  readonly #reserved = new Set<string>();

  get size(): number {
    return this.#byTags.size;
  }

  values(): Iterable<Dialog> {
    return this.#byTags.values();
  }

  /**
   * Adds a dialog until it ends. The application's name leads to the dialog that came first, or to a confirmed one
   * over early ones of other forks.
   */
  add(dialog: Dialog): void {
    const key = networkKey(dialog.callId, dialog.localTag, dialog.remoteTag);
    this.#byTags.set(key, dialog);
    if (!this.#byId.has(dialog.id)) this.#byId.set(dialog.id, dialog);
    this.#byCallId.set(dialog.callId, dialog);
    dialog.whenTerminated(() => {
      if (this.#byTags.get(key) === dialog) this.#byTags.delete(key);
      if (this.#byId.get(dialog.id) === dialog) this.#byId.delete(dialog.id);
      if (this.#byCallId.get(dialog.callId) === dialog) this.#byCallId.delete(dialog.callId);
    });
  }

  /** Makes the application's name lead to this dialog: the fork that was answered. */
  prefer(dialog: Dialog): void {
    this.#byId.set(dialog.id, dialog);
    this.#byCallId.set(dialog.callId, dialog);
  }

  /** Keeps a name for the dialog a request of ours may make; `release` when it is answered. */
  reserve(id: string): void {
    this.#reserved.add(id);
  }

  release(id: string): void {
    this.#reserved.delete(id);
  }

  isNameTaken(id: string): boolean {
    return this.#reserved.has(id) || this.#byId.has(id);
  }

  /** The dialog of a request or response from the network, tags as seen from us. */
  find(callId: string, localTag: string, remoteTag: string): Dialog | undefined {
    return this.#byTags.get(networkKey(callId, localTag, remoteTag));
  }

  byId(id: string): Dialog | undefined {
    return this.#byId.get(id);
  }

  byCallId(callId: string): Dialog | undefined {
    return this.#byCallId.get(callId);
  }
}
