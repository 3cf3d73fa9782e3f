/** The prompts that come with the gateway, and what they say. The files are assets/prompts/<name>.wav, 8 kHz mono. */
export const shippedPrompts = {
  welcome: 'Welcome.',
  'please-hold': 'Please hold the line.',
  goodbye: 'Thank you for calling. Goodbye.',
  'enter-digits': 'Please enter the digits on your telephone keypad.',
  'press-a-key': 'Please make your choice on your telephone keypad.',
  'invalid-choice': 'Sorry, that is not a valid choice.',
  'not-available': 'Sorry, that is not available right now.',
  'nobody-available': 'Sorry, nobody can take your call right now.',
  transferring: 'Your call is being transferred.',
  'technical-problem': 'Sorry, we have a technical problem. Please call again later.',
  'announcement-unavailable': 'Sorry, this announcement cannot be spoken right now.',
} as const;

export type ShippedPrompt = keyof typeof shippedPrompts;

/** What a text is about, by the words in it; the first that fits decides. */
const topics: readonly (readonly [RegExp, ShippedPrompt])[] = [
  [/\b(good ?bye|bye|thank(s| you) for (calling|your call))\b/i, 'goodbye'],
  [/\b(transferr?(ing|ed)|connect(ing)? you|putting you through)\b/i, 'transferring'],
  [/\b(hold|one moment|just a (moment|second)|please wait)\b/i, 'please-hold'],
  [/\b(nobody|no one|no agents?|everyone is busy)\b/i, 'nobody-available'],
  [/\b(not available|unavailable|cannot|can't|could not|couldn't)\b/i, 'not-available'],
  [/\b(error|problem|went wrong)\b/i, 'technical-problem'],
  [/\b(not valid|invalid|did(n't| not) understand)\b/i, 'invalid-choice'],
  [/\b(welcome|hello|hi|good (morning|afternoon|evening))\b/i, 'welcome'],
];

/**
 * The shipped prompt that stands for a text when the machine cannot speak it: a question asks for a key or for digits,
 * other texts go by their words, and what fits nothing says that an announcement is missing. Never silence.
 */
export const standIn = (text: string, question: 'none' | 'choice' | 'digits'): ShippedPrompt => {
  if (question === 'choice') return 'press-a-key';
  if (question === 'digits') return 'enter-digits';
  return topics.find(([words]) => words.test(text))?.[1] ?? 'announcement-unavailable';
};
