import { expect, it } from 'vitest';
import { callDoors, type DoorContext, type DoorPorts } from './doors.js';

it('an AI is shown the attributes of its session without hidden ones and what is too long', () => {
  const long = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`note_${index}`, 'x'.repeat(3_900)]));
  const attributes = { state: 'sent', cost: 3, raw: '{}', page: 'x'.repeat(5_000), ...long, last: true };
  const doors = callDoors(
    { actions: { notRepeated: (id: string) => new Set(id === 's' ? ['cost', 'raw'] : []) } } as unknown as DoorPorts,
    { session: { id: 's', snapshot: { attributes } } } as unknown as DoorContext,
  );
  const shown = doors.shownAttributes();
  expect(shown).toMatchObject({ state: 'sent', last: true });
  for (const name of ['cost', 'raw', 'page']) expect(shown).not.toHaveProperty(name);
  expect(JSON.stringify(shown).length).toBeLessThan(61_000);
  expect(doors.attributes()).toBe(attributes);
});
