/** What the API bench and its browsers say to each other. */
export type BrowsersCommand =
  /** Follow the organization's events with so many browsers. */
  | { readonly kind: 'follow'; readonly browsers: number }
  /** Leave, and say what came. */
  | { readonly kind: 'leave' };

export type BrowsersMessage =
  | { readonly kind: 'following' }
  | {
      readonly kind: 'left';
      /** Events each browser got. */
      readonly counts: readonly number[];
      /** ms from when it happened to its arrival, of every hundredth. */
      readonly delays: readonly number[];
    };
