/** A promise that somebody else settles. */
export type Deferred<T> = { readonly promise: Promise<T>; readonly resolve: (value: T) => void };

export const deferred = <T>(): Deferred<T> => {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
};
