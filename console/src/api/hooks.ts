import { type UseQueryResult, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { call, type Input, type Operation, type Reply } from './client.js';

type ReadOptions = { readonly enabled?: boolean; readonly refetchInterval?: number };

/** Reads an operation and keeps it; the cache goes by operation and input. */
export const useRead = <O extends Operation>(
  operation: O,
  input: Input<O>,
  options: ReadOptions = {},
): UseQueryResult<Reply<O>> =>
  useQuery<Reply<O>>({
    queryKey: [operation, input],
    queryFn: ({ signal }) => call(operation, input, { signal }),
    ...options,
  });

/** Does an operation, then reads anew what `changes` names. */
export const useDo = <O extends Operation>(operation: O, changes: readonly Operation[] = []) => {
  const client = useQueryClient();
  return useMutation<Reply<O>, Error, Input<O>>({
    mutationFn: (input) => call(operation, input),
    onSuccess: () => Promise.all(changes.map((each) => client.invalidateQueries({ queryKey: [each] }))),
  });
};
