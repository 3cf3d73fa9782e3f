/** The user context of a session, where outputs of actions and what a script asks for are kept. */
export type AttributeDoors = {
  /** All of it, as it is now. */
  attributes(): Readonly<Record<string, unknown>>;
  /** What an AI may know of it: without what actions hide from it, whole responses and what is too long. */
  shownAttributes(): Readonly<Record<string, unknown>>;
  setAttributes(values: Readonly<Record<string, unknown>>): void;
};
