import { jsonText } from './json.js';
import type { TimelineEntry } from './records.js';
import type { HashChange } from './session-hash.js';

/** A numbered change of one session on its way to Redis. */
export type NumberedChange = HashChange & {
  /** Counts up from 2 in each session; its creation is number 1. */
  readonly number: number;
  /** Entries as at, type, data text. */
  readonly timeline: readonly (readonly [at: string, type: string, data: string])[];
};

export const encodeEntry = (entry: TimelineEntry): [at: string, type: string, data: string] => [
  String(entry.at),
  entry.type,
  jsonText(entry.data),
];

/** The arguments of change.lua for these changes. */
export const changeArguments = (changes: readonly NumberedChange[]): string[] => {
  const args: string[] = [];
  for (const change of changes) {
    args.push(String(change.number), String(change.sets.size));
    for (const [name, value] of change.sets) args.push(name, value);
    args.push(String(change.unsets.size), ...change.unsets, String(change.timeline.length));
    for (const entry of change.timeline) args.push(...entry);
  }
  return args;
};

/** Rough size in memory, bytes: two for each character and some for each object. */
export const changeSize = (change: NumberedChange): number => {
  let characters = 0;
  for (const [name, value] of change.sets) characters += name.length + value.length;
  for (const name of change.unsets) characters += name.length;
  for (const entry of change.timeline) characters += entry[0].length + entry[1].length + entry[2].length;
  return 200 + 2 * characters + 100 * (change.sets.size + change.timeline.length);
};

/**
 * Two changes as one, at the bound of what is kept while Redis is away: the state both lead to under the later number,
 * with the entries of the earlier one; the entries of the later one are lost.
 */
export const squeezeChanges = (
  before: NumberedChange | null,
  change: NumberedChange,
): { item: NumberedChange; lost: number } => {
  const sets = new Map(before?.sets);
  const unsets = new Set(before?.unsets);
  for (const [name, value] of change.sets) {
    unsets.delete(name);
    sets.set(name, value);
  }
  for (const name of change.unsets) {
    sets.delete(name);
    unsets.add(name);
  }
  const item = { number: change.number, sets, unsets, timeline: before?.timeline ?? [] };
  return { item, lost: change.timeline.length };
};
