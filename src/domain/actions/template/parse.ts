import { checkFilter } from './filters.js';
import {
  type Expression,
  type FilterCall,
  type HmacCall,
  isContextName,
  type Operand,
  type Part,
  type PathStep,
  type Reference,
  TemplateError,
} from './syntax.js';

/** Longest template, characters. */
export const maxTemplateLength = 65_536;
const maxExpressions = 500;
const maxCallDepth = 4;
const maxPathSteps = 32;

export type ParseOptions = {
  /** Reads `hmac-sha256(a, b)` in the middle of text too, as authentication writes it. */
  readonly calls?: boolean;
};

const callStart = /hmac-(sha256|sha512|sha1|md5)\(/y;
const blank = (char: string | undefined): boolean => char === ' ' || char === '\t' || char === '\n' || char === '\r';
const digits = /^\d{1,9}$/;

const isNameChar = (char: string | undefined): boolean =>
  char !== undefined && (/[A-Za-z0-9_-]/.test(char) || char >= '\u0080');

/**
 * A hand-written recursive descent over the grammar
 *
 *     template   = *( text / escape / "{" expression "}" / call )      ; call in text: authentication only
 *     escape     = "\{" / "\}"
 *     expression = ( operand / call ) *( "|" filter )
 *     operand    = reference / quoted
 *     reference  = name *( "." name ) *( "[" ( "'" chars "'" / quoted / chars ) "]" )   ; in any order
 *     filter     = name ( *( blank argument ) / "(" [ argument *( "," argument ) ] ")" )
 *     argument   = "@" reference / quoted / word
 *     call       = "hmac-" algorithm "(" operands "," operands ")"
 *
 * Every character is looked at once, so time is linear in the length.
 */
class Parser {
  private at = 0;
  private expressions = 0;
  private readonly text: string;
  private readonly options: ParseOptions;

  constructor(text: string, options: ParseOptions) {
    this.text = text;
    this.options = options;
  }

  template(): Part[] {
    return this.parts(() => false, 0);
  }

  private fail(message: string, at = this.at): never {
    throw new TemplateError(message, at + 1);
  }

  private peek(): string | undefined {
    return this.text[this.at];
  }

  private skipBlanks(): void {
    while (blank(this.peek())) this.at += 1;
  }

  private expect(char: string, where: string): void {
    if (this.peek() !== char) this.fail(`"${char}" is missing ${where}`);
    this.at += 1;
  }

  /** Text and expressions up to the end or to a character that `stops` names. */
  private parts(stops: (char: string) => boolean, depth: number): Part[] {
    const parts: Part[] = [];
    let literal = '';
    let from = this.at;
    const flush = (): void => {
      literal += this.text.slice(from, this.at);
      if (literal !== '') parts.push(literal);
      literal = '';
    };
    for (;;) {
      const char = this.peek();
      if (char === undefined || stops(char)) break;
      if (char === '\\' && (this.text[this.at + 1] === '{' || this.text[this.at + 1] === '}')) {
        literal += this.text.slice(from, this.at);
        this.at += 1;
        from = this.at;
        this.at += 1;
      } else if (char === '{') {
        flush();
        parts.push(this.expression(depth));
        from = this.at;
      } else if (char === 'h' && this.options.calls === true && this.startsCall()) {
        flush();
        parts.push(this.call(depth));
        from = this.at;
      } else this.at += 1;
    }
    flush();
    return parts;
  }

  private startsCall(): boolean {
    callStart.lastIndex = this.at;
    return callStart.test(this.text);
  }

  private call(depth: number): HmacCall {
    if (depth >= maxCallDepth) this.fail('calls are nested too deeply');
    callStart.lastIndex = this.at;
    const [whole = '', algorithm = ''] = callStart.exec(this.text) ?? [];
    this.at += whole.length;
    const message = this.callArgument(depth + 1);
    this.expect(',', 'between the two arguments of the call');
    const key = this.callArgument(depth + 1);
    this.expect(')', 'at the end of the call');
    return { kind: 'hmac', algorithm, message, key };
  }

  /** `{ref}`, a bare reference, quoted text, or text with references in it; blanks around it do not count. */
  private callArgument(depth: number): Part[] {
    this.skipBlanks();
    if (this.peek() === '"') {
      const text = this.quoted('"');
      this.skipBlanks();
      return [text];
    }
    const start = this.at;
    const parts = this.parts((char) => char === ',' || char === ')', depth);
    const [first] = parts;
    const last = parts.at(-1);
    if (first === undefined || last === undefined) this.fail('an argument is missing', start);
    if (parts.length === 1 && typeof first === 'string') {
      const bare = this.bareReference(first.trim(), start);
      if (bare !== undefined) return [bare];
    }
    if (typeof last === 'string') parts[parts.length - 1] = last.trimEnd();
    return parts.filter((part) => part !== '');
  }

  /** Inside braces `hmac-sha256(a, b)` names attributes without further braces. */
  private bareReference(text: string, start: number): Expression | undefined {
    if (this.inBraces === 0 || !/^[A-Za-z_][\w.'[\]-]*$/.test(text)) return undefined;
    const reference = new Parser(text, {}).wholeReference(start);
    this.count();
    return { kind: 'expression', input: { kind: 'reference', reference }, filters: [], position: start + 1 };
  }

  private inBraces = 0;

  private wholeReference(offset: number): Reference {
    const reference = this.reference();
    if (this.peek() !== undefined) this.fail('unexpected character');
    return { ...reference, position: offset + 1 };
  }

  private count(): void {
    this.expressions += 1;
    if (this.expressions > maxExpressions) this.fail(`there are more than ${maxExpressions} references`);
  }

  private expression(depth: number): Expression {
    const open = this.at;
    this.count();
    this.at += 1;
    this.inBraces += 1;
    this.skipBlanks();
    const input = this.startsCall() ? this.call(depth) : this.operand();
    const filters: FilterCall[] = [];
    this.skipBlanks();
    while (this.peek() === '|') {
      this.at += 1;
      filters.push(this.filter());
      this.skipBlanks();
    }
    if (this.peek() === undefined) this.fail('"{" has no "}"', open);
    if (this.peek() !== '}') this.fail(`"${this.peek()}" cannot stand here; "}" or "|" is expected`);
    this.at += 1;
    this.inBraces -= 1;
    return { kind: 'expression', input, filters, position: open + 1 };
  }

  private operand(): Operand {
    if (this.peek() === '"') return { kind: 'literal', text: this.quoted('"') };
    return { kind: 'reference', reference: this.reference() };
  }

  private name(what: string): string {
    const start = this.at;
    while (isNameChar(this.peek())) this.at += 1;
    if (this.at === start) {
      const found = this.peek();
      this.fail(found === undefined ? `${what} is missing` : `${what} is expected, "${found}" found`);
    }
    return this.text.slice(start, this.at);
  }

  private reference(): Reference {
    const position = this.at + 1;
    const first = this.name('an attribute name');
    const path: PathStep[] = [];
    let name: string | undefined;
    const known = isContextName(first) ? first : undefined;
    if (known === undefined) name = first;
    for (;;) {
      const char = this.peek();
      if (char !== '.' && char !== '[') break;
      this.at += 1;
      const step = char === '.' ? this.name('a name after "."') : this.accessor();
      if (name === undefined) name = String(step);
      else path.push(step);
      if (path.length > maxPathSteps) this.fail('the reference has too many steps');
    }
    // `{user}` alone is an attribute that happens to be called like a context, except where a context has a whole.
    if (name === undefined && known !== '_webhook') return { context: 'user', name: first, path, position };
    return { context: known ?? 'user', name: name ?? '', path, position };
  }

  private accessor(): PathStep {
    const char = this.peek();
    if (char === "'" || char === '"') {
      const text = this.quoted(char);
      this.expect(']', 'after the quoted name');
      return text;
    }
    const start = this.at;
    while (this.peek() !== undefined && this.peek() !== ']' && this.peek() !== '}') this.at += 1;
    const text = this.text.slice(start, this.at).trim();
    this.expect(']', 'after the index');
    if (text === '') this.fail('an index or name is missing between "[" and "]"', start);
    return digits.test(text) ? Number(text) : text;
  }

  private quoted(quote: string): string {
    const open = this.at;
    this.at += 1;
    let text = '';
    let from = this.at;
    for (;;) {
      const char = this.peek();
      if (char === undefined) this.fail('the quotation is not closed', open);
      if (char === '\\' && (this.text[this.at + 1] === quote || this.text[this.at + 1] === '\\')) {
        text += this.text.slice(from, this.at);
        from = this.at + 1;
        this.at += 2;
      } else if (char === quote) {
        text += this.text.slice(from, this.at);
        this.at += 1;
        return text;
      } else this.at += 1;
    }
  }

  private filter(): FilterCall {
    this.skipBlanks();
    const position = this.at + 1;
    const name = this.name('a filter name');
    const args = this.peek() === '(' ? this.listedArguments() : this.spacedArguments();
    const filter = { name, args, position };
    checkFilter(filter);
    return filter;
  }

  private spacedArguments(): Operand[] {
    const args: Operand[] = [];
    for (;;) {
      this.skipBlanks();
      const char = this.peek();
      if (char === undefined || char === '|' || char === '}') return args;
      args.push(this.argument((next) => blank(next) || next === '|' || next === '}'));
    }
  }

  private listedArguments(): Operand[] {
    const args: Operand[] = [];
    this.at += 1;
    this.skipBlanks();
    if (this.peek() === ')') {
      this.at += 1;
      return args;
    }
    for (;;) {
      this.skipBlanks();
      const single = this.peek() === "'";
      args.push(
        single
          ? { kind: 'literal', text: this.quoted("'") }
          : this.argument((next) => blank(next) || next === ',' || next === ')' || next === '}'),
      );
      this.skipBlanks();
      if (this.peek() === ',') this.at += 1;
      else {
        this.expect(')', 'after the arguments of the filter');
        return args;
      }
    }
  }

  private argument(ends: (char: string) => boolean): Operand {
    const char = this.peek();
    if (char === '"') return { kind: 'literal', text: this.quoted('"') };
    if (char === '@' && isNameChar(this.text[this.at + 1])) {
      this.count();
      this.at += 1;
      return { kind: 'reference', reference: this.reference() };
    }
    const start = this.at;
    for (let next = this.peek(); next !== undefined && !ends(next); next = this.peek()) this.at += 1;
    if (this.at === start) this.fail('an argument is missing');
    return { kind: 'literal', text: this.text.slice(start, this.at) };
  }
}

/** Parses a template. Throws TemplateError with the position of the first fault, and nothing else. */
export const parseTemplate = (text: string, options: ParseOptions = {}): readonly Part[] => {
  if (text.length > maxTemplateLength) {
    throw new TemplateError(`the text is longer than ${maxTemplateLength} characters`);
  }
  return new Parser(text, options).template();
};
