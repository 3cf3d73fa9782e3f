/**
 * Entry of a LiveKit child: the rooms of some calls. A process and not a thread, since two threads with this library in
 * one process take each other's events; a crash of the native part ends only the calls in here.
 */
import { Socket } from 'node:net';
import { audioReader, audioWriter } from './audio-frames.js';
import { type RoomLeg, roomLeg } from './child/room-leg.js';
import type { LegNews, ToChild, ToGateway } from './protocol.js';

/** The audio channel is the first descriptor behind standard input, output, error and the messages. */
const audioDescriptor = 4;
/** About 100 ms of 25 calls. */
const audioLimit = 48 * 1_024;

if (process.send === undefined) throw new Error('livekit-child.js runs as a child process of the gateway only');
const tell = (message: ToGateway): void => {
  if (process.connected) process.send?.(message);
};

const channel = new Socket({ fd: audioDescriptor, readable: true, writable: true });
channel.on('error', () => process.exit(1));
const out = audioWriter(channel, audioLimit);
const legs = new Map<number, RoomLeg>();
const nothing = new Int16Array(0);

const open = (number: number, order: Extract<ToChild, { type: 'join' }>['order']): void => {
  const news = (what: LegNews): void => {
    if (what.type === 'ended') legs.delete(number);
    tell({ type: 'news', leg: number, news: what });
  };
  legs.set(
    number,
    roomLeg(order, {
      news,
      audio: (samples) => out.write(number, samples),
      cleared: () => out.write(number, nothing),
    }),
  );
};

const perform = (message: ToChild): void => {
  switch (message.type) {
    case 'join':
      open(message.leg, message.order);
      return;
    case 'move':
      void legs.get(message.leg)?.move(message.order);
      return;
    case 'rejoin':
      void legs.get(message.leg)?.rejoin(message.order);
      return;
    case 'attributes':
      legs.get(message.leg)?.setAttributes(message.attributes);
      return;
    case 'dtmf':
      legs.get(message.leg)?.dtmf(message.digit);
      return;
    case 'rpc-reply':
      legs.get(message.leg)?.reply(message.id, message.reply);
      return;
    case 'leave':
      void legs.get(message.leg)?.leave(message.attributes);
      return;
    case 'ask':
      tell({ type: 'report', memory: process.memoryUsage.rss(), handles: process.getActiveResourcesInfo().length });
      return;
    case 'end':
      process.exit(0);
  }
};

channel.on(
  'data',
  audioReader((leg, samples) => legs.get(leg)?.audio(samples)),
);
process.on('message', perform);
// The gateway is gone, and with it every call.
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole group of processes; the gateway ends its calls first and its children last.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
// A call the library lost sight of must not take the others with it.
process.on('unhandledRejection', (error) => process.stderr.write(`unhandled rejection: ${String(error)}\n`));
tell({ type: 'ready' });
