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

/**
 * Each room of the process is told every event of all of them and takes a lock for it: with the hundred audio events a
 * second of each call that is what rooms cost each other, though a room makes nothing of them. This listens in the
 * room's place and passes on the others; the room does not miss what it would have ignored. It also stops listening when
 * told to, which the library forgets when a room is ended by the server (its listeners would grow with every call).
 * Where the library looks different than in the release that is pinned, nothing is changed.
 *
 * To be called once the room is connected; the returned function ends the listening.
 */
export const listenForRoom = (room: Room): (() => void) => {
  const source: unknown = Reflect.get(globalThis, '_ffiClientInstance');
  const original: unknown = Reflect.get(room, 'onFfiEvent');
  if (!isSource(source) || !isListener(original)) return () => {};
  const listener = (event: LibraryEvent): void => {
    const kind = event.message.case;
    if (kind !== 'audioStreamEvent' && kind !== 'captureAudioFrame') original(event);
  };
  source.off('ffi_event', original);
  source.on('ffi_event', listener);
  return () => {
    source.off('ffi_event', listener);
  };
};
