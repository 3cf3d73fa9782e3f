import { type ParseOptions, parseTemplate } from './parse.js';
import { renderText, renderTrusted, type Scope } from './render.js';
import { type Part, TemplateError } from './syntax.js';

const headerToken = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What a field value may hold (RFC 9110 section 5.5); obs-text is left out, no two servers read it alike. */
const headerText = /^[\t\x20-\x7e]*$/;
export const maxHeaderValue = 8_192;

/** A fault of a header's name, as the end of a sentence, or nothing. */
export const headerNameFault = (name: string): string | undefined =>
  headerToken.test(name) && name.length <= 128 ? undefined : 'is not a valid header name';

/** A fault of a header's value, as the end of a sentence, or nothing. The value itself is never part of it. */
export const headerValueFault = (value: string): string | undefined => {
  if (value.length > maxHeaderValue) return `is longer than ${maxHeaderValue} characters`;
  if (headerText.test(value)) return undefined;
  if (/[\r\n\0]/.test(value)) return 'has a line break or zero byte in its value';
  return 'has characters that a header cannot carry; encode the value, for example with "| url_encode true"';
};

export type HeaderTemplate = { readonly name: string; readonly parts: readonly Part[]; render(scope: Scope): string };

/** Compiles one header. `trusted` is for authentication: no value of the AI may stand in it. */
export const compileHeader = (
  name: string,
  text: string,
  options: ParseOptions & { trusted?: boolean } = {},
): HeaderTemplate => {
  const fault = headerNameFault(name);
  if (fault !== undefined) throw new TemplateError(`"${name.slice(0, 60)}" ${fault}`);
  const parts = parseTemplate(text, options);
  return {
    name,
    parts,
    render(scope) {
      const value = (
        options.trusted === true ? renderTrusted(parts, scope, 'authentication') : renderText(parts, scope)
      ).trim();
      const wrong = headerValueFault(value);
      if (wrong !== undefined) throw new TemplateError(`the header ${name} ${wrong}`);
      return value;
    },
  };
};
