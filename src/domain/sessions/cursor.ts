import { GatewayError } from '../../core/errors.js';

/** How many sessions one page may look at before it is given out short, with a cursor to go on. */
export const lookAtMost = 5_000;

/** Where a list by time goes on: behind this record. */
export const cursorOf = (at: string, id: string): string => Buffer.from(`${at} ${id}`).toString('base64url');

/** Throws GatewayError bad_request when the text is not a cursor. Without one the list begins. */
export const readCursor = (cursor: string | undefined): { readonly at: string; readonly id: string } => {
  if (cursor === undefined) return { at: '', id: '' };
  const found = /^(\d{1,15}) ([!-~]{1,100})$/.exec(Buffer.from(cursor, 'base64url').toString());
  if (found?.[1] === undefined || found[2] === undefined) {
    throw new GatewayError('bad_request', 'The cursor is not one that this list gave out.', {
      details: [{ path: 'cursor', message: 'is not one that this list gave out' }],
    });
  }
  return { at: found[1], id: found[2] };
};
