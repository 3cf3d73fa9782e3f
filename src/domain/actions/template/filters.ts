import { collectionFilters } from './filters-collection.js';
import { cryptoFilters, hmacAlgorithms } from './filters-crypto.js';
import { dateFilters } from './filters-date.js';
import { encodingFilters } from './filters-encoding.js';
import { numberFilters } from './filters-number.js';
import { textFilters } from './filters-text.js';
import { type FilterCall, TemplateError } from './syntax.js';
import type { Value } from './values.js';

/** Longest text a filter may make, characters. */
export const maxFilterOutput = 1_048_576;

/** A filter: what it does, and how many arguments it takes. */
export type Filter = {
  readonly min: number;
  readonly max: number;
  /** Yields the value; throws a plain Error with a sentence when the arguments cannot be used. */
  readonly run: (input: Value, args: readonly Value[]) => Value;
};

const filters: ReadonlyMap<string, Filter> = new Map(
  Object.entries({
    ...textFilters,
    ...numberFilters,
    ...dateFilters,
    ...collectionFilters,
    ...encodingFilters,
    ...cryptoFilters,
  }),
);

/** The names of all filters, for messages and documentation. */
export const filterNames: readonly string[] = [...filters.keys()].sort();

/** Refuses, while parsing, a filter that does not exist or whose arguments can never be right. */
export const checkFilter = (call: FilterCall): void => {
  const filter = filters.get(call.name);
  if (filter === undefined) throw new TemplateError(`there is no filter "${call.name.slice(0, 40)}"`, call.position);
  const count = call.args.length;
  if (count < filter.min || count > filter.max) {
    const wanted = filter.min === filter.max ? `${filter.min}` : `${filter.min} to ${filter.max}`;
    throw new TemplateError(`the filter "${call.name}" takes ${wanted} arguments, not ${count}`, call.position);
  }
  const [algorithm] = call.args;
  if (call.name === 'hmac' && algorithm?.kind === 'literal' && !hmacAlgorithms.has(algorithm.text)) {
    throw new TemplateError(
      `hmac knows ${[...hmacAlgorithms].join(', ')}, not "${algorithm.text.slice(0, 40)}"`,
      call.position,
    );
  }
};

/** Applies a filter. Throws TemplateError with the filter's position. */
export const runFilter = (call: FilterCall, input: Value, args: readonly Value[]): Value => {
  const filter = filters.get(call.name);
  if (filter === undefined) throw new TemplateError(`there is no filter "${call.name}"`, call.position);
  let result: Value;
  try {
    result = filter.run(input, args);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'failed';
    throw new TemplateError(`the filter "${call.name}" ${why}`, call.position);
  }
  if (typeof result === 'string' && result.length > maxFilterOutput) {
    throw new TemplateError(`the filter "${call.name}" makes more than ${maxFilterOutput} characters`, call.position);
  }
  return result;
};
