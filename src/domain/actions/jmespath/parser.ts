import { type Token, type TokenType, tokenize } from './lexer.js';
import { type Comparator, JmesPathError, type Node } from './syntax.js';

/** Longest expression, characters, and how deep its parts may nest. */
export const maxExpressionLength = 2_048;
const maxDepth = 64;

/** How tightly a token binds what stands to its left; the order is the specification's. */
const power: Readonly<Partial<Record<TokenType, number>>> = {
  '|': 1,
  '||': 2,
  '&&': 3,
  '==': 5,
  '!=': 5,
  '<': 5,
  '<=': 5,
  '>': 5,
  '>=': 5,
  '[]': 9,
  '*': 20,
  '[?': 21,
  '.': 40,
  '!': 45,
  '{': 50,
  '[': 55,
  '(': 60,
};

/** What binds less than this ends a projection. */
const projectionStop = 10;

const comparators: Readonly<Partial<Record<TokenType, Comparator>>> = {
  '==': 'eq',
  '!=': 'ne',
  '<': 'lt',
  '<=': 'lte',
  '>': 'gt',
  '>=': 'gte',
};

const current: Node = { type: 'current' };

/** A Pratt parser; `nud` starts an expression, `led` goes on from what stands to the left. */
class Parser {
  private index = 0;
  private depth = 0;
  private readonly tokens: readonly Token[];

  constructor(text: string) {
    this.tokens = tokenize(text);
  }

  parse(): Node {
    const node = this.expression(0);
    if (this.token.type !== 'end') this.fail();
    return node;
  }

  private get token(): Token {
    return this.tokens[this.index] ?? { type: 'end', value: null, at: 0 };
  }

  private ahead(offset: number): TokenType {
    return this.tokens[this.index + offset]?.type ?? 'end';
  }

  private fail(token: Token = this.token): never {
    const found = token.type === 'end' ? 'the expression ends too early' : `"${String(token.value)}" cannot stand here`;
    throw new JmesPathError('syntax', `${found} (at character ${token.at + 1})`);
  }

  private match(type: TokenType): Token {
    const { token } = this;
    if (token.type !== type) this.fail();
    this.index += 1;
    return token;
  }

  private expression(binding: number): Node {
    this.depth += 1;
    if (this.depth > maxDepth) throw new JmesPathError('limit', `the expression nests deeper than ${maxDepth}`);
    let left = this.nud();
    while (binding < (power[this.token.type] ?? 0)) left = this.led(left);
    this.depth -= 1;
    return left;
  }

  private nud(): Node {
    const { token } = this;
    this.index += 1;
    switch (token.type) {
      case 'literal':
        return { type: 'literal', value: token.value };
      case 'name':
        return this.token.type === '(' ? this.call(String(token.value)) : { type: 'field', name: String(token.value) };
      case 'quoted':
        if (this.token.type === '(') this.fail();
        return { type: 'field', name: String(token.value) };
      case '*':
        return {
          type: 'projectValues',
          left: current,
          right: this.token.type === ']' ? current : this.projection(power['*'] ?? 0),
        };
      case '[?':
        return this.filter(current);
      case '{':
        return this.hash();
      case '(': {
        const inner = this.expression(0);
        this.match(')');
        return inner;
      }
      case '[]':
        return { type: 'project', left: { type: 'flatten', child: current }, right: this.projection(power['[]'] ?? 0) };
      case '!':
        return { type: 'not', child: this.expression(power['!'] ?? 0) };
      case '[':
        if (this.token.type === 'number' || this.token.type === ':') return this.indexed(current);
        if (this.token.type === '*' && this.ahead(1) === ']') return this.wildcard(current);
        return this.list();
      case '@':
        return current;
      default:
        return this.fail(token);
    }
  }

  private led(left: Node): Node {
    const { token } = this;
    this.index += 1;
    switch (token.type) {
      case '.':
        if (this.token.type === '*') {
          this.index += 1;
          return { type: 'projectValues', left, right: this.projection(power['.'] ?? 0) };
        }
        return { type: 'sub', left, right: this.afterDot(power['.'] ?? 0) };
      case '|':
        return { type: 'pipe', left, right: this.expression(1) };
      case '||':
        return { type: 'or', left, right: this.expression(2) };
      case '&&':
        return { type: 'and', left, right: this.expression(3) };
      case '[?':
        return this.filter(left);
      case '[]':
        return { type: 'project', left: { type: 'flatten', child: left }, right: this.projection(power['[]'] ?? 0) };
      case '[':
        if (this.token.type === 'number' || this.token.type === ':') return this.indexed(left);
        return this.wildcard(left);
      default: {
        const operator = comparators[token.type];
        if (operator === undefined) return this.fail(token);
        return { type: 'compare', operator, left, right: this.expression(5) };
      }
    }
  }

  private call(name: string): Node {
    this.match('(');
    const args: Node[] = [];
    while (this.token.type !== ')') {
      if (args.length > 0) this.match(',');
      if (this.token.type === '&') {
        this.index += 1;
        args.push({ type: 'reference', child: this.expression(0) });
      } else args.push(this.expression(0));
    }
    this.index += 1;
    return { type: 'call', name, args };
  }

  private filter(left: Node): Node {
    const condition = this.expression(0);
    this.match(']');
    const right = this.token.type === '[]' ? current : this.projection(power['[?'] ?? 0);
    return { type: 'filter', left, condition, right };
  }

  private wildcard(left: Node): Node {
    this.match('*');
    this.match(']');
    return { type: 'project', left, right: this.projection(power['*'] ?? 0) };
  }

  private indexed(left: Node): Node {
    if (this.token.type === 'number' && this.ahead(1) === ']') {
      const index = Number(this.match('number').value);
      this.match(']');
      return { type: 'sub', left, right: { type: 'index', index } };
    }
    const bounds: (number | undefined)[] = [undefined];
    while (this.token.type !== ']') {
      if (this.token.type === ':') {
        if (bounds.length === 3) this.fail();
        bounds.push(undefined);
        this.index += 1;
      } else {
        if (bounds.at(-1) !== undefined) this.fail();
        bounds[bounds.length - 1] = Number(this.match('number').value);
      }
    }
    this.index += 1;
    const [start, stop, step] = bounds;
    const slice: Node = {
      type: 'slice',
      ...(start === undefined ? {} : { start }),
      ...(stop === undefined ? {} : { stop }),
      ...(step === undefined ? {} : { step }),
    };
    return { type: 'project', left: { type: 'sub', left, right: slice }, right: this.projection(power['*'] ?? 0) };
  }

  private projection(binding: number): Node {
    const { type } = this.token;
    if ((power[type] ?? 0) < projectionStop) return current;
    if (type === '[' || type === '[?') return this.expression(binding);
    if (type === '.') {
      this.index += 1;
      return this.afterDot(binding);
    }
    return this.fail();
  }

  private afterDot(binding: number): Node {
    switch (this.token.type) {
      case 'name':
      case 'quoted':
      case '*':
        return this.expression(binding);
      case '[':
        this.index += 1;
        return this.list();
      case '{':
        this.index += 1;
        return this.hash();
      default:
        return this.fail();
    }
  }

  private list(): Node {
    const items = [this.expression(0)];
    while (this.token.type === ',') {
      this.index += 1;
      items.push(this.expression(0));
    }
    this.match(']');
    return { type: 'list', items };
  }

  private hash(): Node {
    const entries: (readonly [string, Node])[] = [];
    do {
      if (entries.length > 0) this.match(',');
      const { token } = this;
      if (token.type !== 'name' && token.type !== 'quoted') this.fail();
      this.index += 1;
      this.match(':');
      entries.push([String(token.value), this.expression(0)]);
    } while (this.token.type === ',');
    this.match('}');
    return { type: 'hash', entries };
  }
}

/** Parses an expression. Throws JmesPathError `syntax` with a place, or `limit`. */
export const parseExpression = (text: string): Node => {
  if (text.length > maxExpressionLength) {
    throw new JmesPathError('limit', `the expression is longer than ${maxExpressionLength} characters`);
  }
  return new Parser(text).parse();
};
