/** What the name of a call's room is made of. */
export type RoomFacts = {
  readonly session: string;
  readonly organization: string;
  readonly agent: string;
  readonly caller: string;
  readonly called: string;
};

const place = /\{([^{}]*)\}/g;
const known = new Set(['session', 'organization', 'agent', 'caller', 'called']);
const longest = 128;

/** What is wrong with a rule for room names, null when nothing is. Only the session's id makes each call's room its own. */
export const roomNameFault = (template: string): string | null => {
  const names = [...template.matchAll(place)].map(([, name = '']) => name);
  const stranger = names.find((name) => !known.has(name));
  if (stranger !== undefined) return `has no {${stranger}}; there are ${[...known].map((n) => `{${n}}`).join(', ')}`;
  if (!names.includes('session')) return 'must contain {session}: each call has a room of its own';
  if (/[^\x20-\x7e]/.test(template)) return 'must be printable ASCII';
  return template.length > longest ? `must not be longer than ${longest} characters` : null;
};

export const roomName = (template: string, facts: RoomFacts): string =>
  template.replace(place, (_, name: keyof RoomFacts) => facts[name] ?? '').slice(0, 2 * longest);
