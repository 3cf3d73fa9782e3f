import type { Room } from '@livekit/rtc-node';

/** The one place all events of the library go through, as far as it is used here. */
type EventSource = {
  on(name: 'ffi_event', listener: (event: LibraryEvent) => void): unknown;
  off(name: 'ffi_event', listener: (event: LibraryEvent) => void): unknown;
};
type LibraryEvent = { readonly message: { readonly case?: string } };

const isSource = (value: unknown): value is EventSource =>
  typeof value === 'object' && value !== null && 'on' in value && 'off' in value;
const isListener = (value: unknown): value is (event: LibraryEvent) => void => typeof value === 'function';
const isProcessor = (value: unknown): value is (event: LibraryEvent) => Promise<void> => typeof value === 'function';

/**
 * Listens to the library's events in the room's place, and makes good three things of it:
 *
 * - Each room of the process is told every event of all of them and takes a lock for it: with the hundred audio events a
 *   second of each call that is what rooms cost each other, though a room makes nothing of them. Those are not passed on.
 * - The lock is held while a track is published, and nothing of the room is heard that long, its end neither: in a room
 *   that is deleted meanwhile the library waits for LiveKit's answer for ten seconds. So events are processed without the
 *   lock; processing is synchronous, which keeps them in their order, and what publishing learns it learns before them.
 * - It stops listening when told to, which the library forgets when a room is ended by the server (its listeners would
 *   grow with every call).
 *
 * Where the library looks different than in the release that is pinned, nothing is changed. To be called as soon as the
 * room is connected; the returned function ends the listening.
 */
export const listenForRoom = (room: Room, onTrouble: (message: string) => void): (() => void) => {
  const source: unknown = Reflect.get(globalThis, '_ffiClientInstance');
  const original: unknown = Reflect.get(room, 'onFfiEvent');
  const process: unknown = Reflect.get(room, 'processFfiEvent');
  if (!isSource(source) || !isListener(original) || !isProcessor(process)) return () => {};
  const listener = (event: LibraryEvent): void => {
    const kind = event.message.case;
    if (kind !== 'roomEvent' && kind !== 'rpcMethodInvocation') return;
    process(event).catch((error: unknown) => onTrouble(`an event of the room was not understood: ${String(error)}`));
  };
  source.off('ffi_event', original);
  source.on('ffi_event', listener);
  return () => {
    source.off('ffi_event', listener);
  };
};
