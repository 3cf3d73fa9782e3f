/**
 * The one range of a `Range` header within `length` bytes, both ends inclusive (RFC 9110 section 14.2). Null: the whole is
 * meant, also where the header asks for several parts or for none that is understood; `none`: no byte of it is there.
 */
export const byteRange = (
  header: string | undefined,
  length: number,
): { readonly from: number; readonly to: number } | 'none' | null => {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '');
  const [, first = '', last = ''] = match ?? [];
  if (match === null || (first === '' && last === '')) return null;
  const from = first === '' ? Math.max(0, length - Number(last)) : Number(first);
  const to = first === '' || last === '' ? length - 1 : Math.min(Number(last), length - 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return null;
  return from >= length || (first === '' && Number(last) === 0) ? 'none' : { from, to };
};
