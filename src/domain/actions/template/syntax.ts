/** The contexts a reference can name; anything else before the first dot is an attribute of `user`. */
export const contextNames = ['user', 'session', 'contact', 'global', 'secret', '_auth', '_webhook'] as const;
export type ContextName = (typeof contextNames)[number];

export const isContextName = (name: string): name is ContextName => (contextNames as readonly string[]).includes(name);

export type PathStep = string | number;

/** `{context.name['a'][0]}`: the attribute and the way into it. `name` is empty for a context as a whole. */
export type Reference = {
  readonly context: ContextName;
  readonly name: string;
  readonly path: readonly PathStep[];
  readonly position: number;
};

export type Operand =
  | { readonly kind: 'reference'; readonly reference: Reference }
  | { readonly kind: 'literal'; readonly text: string };

export type FilterCall = { readonly name: string; readonly args: readonly Operand[]; readonly position: number };

/** `hmac-sha256(message, key)`: the call form of the hmac filter, its result in lower-case hex. */
export type HmacCall = {
  readonly kind: 'hmac';
  readonly algorithm: string;
  readonly message: readonly Part[];
  readonly key: readonly Part[];
};

export type Expression = {
  readonly kind: 'expression';
  readonly input: Operand | HmacCall;
  readonly filters: readonly FilterCall[];
  readonly position: number;
};

/** Literal text, an expression in braces, or (in authentication only) a call in the middle of text. */
export type Part = string | Expression | HmacCall;

/** Text that is not a template, or a template that cannot be rendered. `position` counts characters from 1; 0 = none. */
export class TemplateError extends Error {
  readonly position: number;

  constructor(message: string, position = 0) {
    super(position > 0 ? `${message} (at character ${position})` : message);
    this.name = 'TemplateError';
    this.position = position;
  }
}

/** Calls `visit` for every reference of the parts, those in filter arguments and calls included. */
export const eachReference = (parts: readonly Part[], visit: (reference: Reference) => void): void => {
  const operand = (value: Operand): void => {
    if (value.kind === 'reference') visit(value.reference);
  };
  for (const part of parts) {
    if (typeof part === 'string') continue;
    if (part.kind === 'hmac') {
      eachReference(part.message, visit);
      eachReference(part.key, visit);
      continue;
    }
    if (part.input.kind === 'hmac') eachReference([part.input], visit);
    else operand(part.input);
    for (const filter of part.filters) filter.args.forEach(operand);
  }
};
