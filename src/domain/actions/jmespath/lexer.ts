import type { JsonValue } from '../template/values.js';
import { JmesPathError } from './syntax.js';

export type TokenType =
  | 'name'
  | 'quoted'
  | 'number'
  | 'literal'
  | '.'
  | '*'
  | '['
  | ']'
  | '[]'
  | '[?'
  | '{'
  | '}'
  | '('
  | ')'
  | ','
  | ':'
  | '@'
  | '&'
  | '!'
  | '|'
  | '||'
  | '&&'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'end';

export type Token = { readonly type: TokenType; readonly value: JsonValue; readonly at: number };

const operators = [
  '[?',
  '[]',
  '||',
  '&&',
  '==',
  '!=',
  '<=',
  '>=',
  '.',
  '*',
  '[',
  ']',
  '{',
  '}',
  '(',
  ')',
  ',',
  ':',
  '@',
  '&',
  '!',
  '|',
  '<',
  '>',
] as const;
const blank = /[ \t\r\n]+/y;
const name = /[A-Za-z_][A-Za-z0-9_]*/y;
const number = /-?[0-9]+/y;
const quoted = /"(?:[^"\\]|\\[\s\S])*"/y;
const literal = /`(?:[^`\\]|\\[\s\S])*`/y;
const raw = /'(?:[^'\\]|\\[\s\S])*'/y;

const syntaxError = (message: string, at: number): JmesPathError =>
  new JmesPathError('syntax', `${message} (at character ${at + 1})`);

const parseJson = (text: string, what: string, at: number): JsonValue => {
  try {
    const value: JsonValue = JSON.parse(text);
    return value;
  } catch {
    throw syntaxError(`the ${what} is not valid JSON`, at);
  }
};

/** Splits an expression into tokens. Every pattern is anchored and has one way to match, so time is linear. */
export const tokenize = (text: string): Token[] => {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  const push = (type: TokenType, value: JsonValue, length: number): void => {
    tokens.push({ type, value, at });
    at += length;
  };
  while (at < text.length) {
    const gap = take(blank);
    if (gap !== undefined) {
      at += gap.length;
      continue;
    }
    const word = take(name);
    if (word !== undefined) {
      push('name', word, word.length);
      continue;
    }
    const digits = take(number);
    if (digits !== undefined) {
      push('number', Number(digits), digits.length);
      continue;
    }
    const first = text[at];
    if (first === '"' || first === '`' || first === "'") {
      const whole = take(first === '"' ? quoted : first === '`' ? literal : raw);
      if (whole === undefined) throw syntaxError(`the ${first} is not closed`, at);
      const inner = whole.slice(1, -1);
      if (first === '"') push('quoted', parseJson(whole, 'quoted name', at), whole.length);
      else if (first === '`')
        push('literal', parseJson(inner.replaceAll('\\`', '`').trim(), 'literal', at), whole.length);
      else push('literal', inner.replaceAll("\\'", "'"), whole.length);
      continue;
    }
    const operator = operators.find((candidate) => text.startsWith(candidate, at));
    if (operator === undefined) throw syntaxError(`"${first}" cannot stand here`, at);
    push(operator, operator, operator.length);
  }
  tokens.push({ type: 'end', value: null, at });
  return tokens;
};
