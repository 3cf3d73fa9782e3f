import type { JsonValue } from '../template/values.js';

/** The kinds of error the specification names, and `limit` for what runs too long or grows too large. */
export type JmesPathErrorKind =
  | 'syntax'
  | 'unknown-function'
  | 'invalid-arity'
  | 'invalid-type'
  | 'invalid-value'
  | 'limit';

export class JmesPathError extends Error {
  readonly kind: JmesPathErrorKind;

  constructor(kind: JmesPathErrorKind, message: string) {
    super(message);
    this.name = 'JmesPathError';
    this.kind = kind;
  }
}

export type Comparator = 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte';

/** The syntax tree of an expression (jmespath.org, grammar of 2022). */
export type Node =
  | { readonly type: 'current' }
  | { readonly type: 'field'; readonly name: string }
  | { readonly type: 'literal'; readonly value: JsonValue }
  | { readonly type: 'sub'; readonly left: Node; readonly right: Node }
  | { readonly type: 'pipe'; readonly left: Node; readonly right: Node }
  | { readonly type: 'or'; readonly left: Node; readonly right: Node }
  | { readonly type: 'and'; readonly left: Node; readonly right: Node }
  | { readonly type: 'not'; readonly child: Node }
  | { readonly type: 'compare'; readonly operator: Comparator; readonly left: Node; readonly right: Node }
  | { readonly type: 'index'; readonly index: number }
  | { readonly type: 'slice'; readonly start?: number; readonly stop?: number; readonly step?: number }
  | { readonly type: 'flatten'; readonly child: Node }
  | { readonly type: 'project'; readonly left: Node; readonly right: Node }
  | { readonly type: 'projectValues'; readonly left: Node; readonly right: Node }
  | { readonly type: 'filter'; readonly left: Node; readonly condition: Node; readonly right: Node }
  | { readonly type: 'list'; readonly items: readonly Node[] }
  | { readonly type: 'hash'; readonly entries: readonly (readonly [string, Node])[] }
  | { readonly type: 'call'; readonly name: string; readonly args: readonly Node[] }
  | { readonly type: 'reference'; readonly child: Node };
