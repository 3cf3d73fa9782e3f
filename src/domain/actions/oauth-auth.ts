import type { Authentication, ClientAuthentication } from './definition.js';
import type { TokenRequest } from './oauth-token.js';
import { parseTemplate } from './template/parse.js';
import { renderTrusted, type Scope } from './template/render.js';
import { eachReference, type Part, TemplateError } from './template/syntax.js';
import { compileUrl } from './template/url-template.js';

export type OAuthAuth = {
  readonly type: 'oauth2';
  readonly parts: readonly Part[];
  readonly secrets: ReadonlySet<string>;
  /** What to ask the token endpoint. `open` reads everything, `plain` has bullets for secrets. Throws TemplateError. */
  tokenRequest(scopes: { readonly open: Scope; readonly plain: Scope }, organizationId: string): TokenRequest;
};

const required = (value: string, what: string): string => {
  if (value === '') throw new TemplateError(`the ${what} is empty`);
  return value;
};

/** Compiles OAuth2 client credentials (A5). Of its fields only the client secret may hold secrets. */
export const compileOAuth = (config: Extract<Authentication, { type: 'oauth2' }>): OAuthAuth => {
  const tokenUrl = compileUrl(config.tokenUrl);
  const [id, secret, scope] = [config.clientId, config.clientSecret, config.scope ?? ''].map((text) =>
    parseTemplate(text),
  );
  const secrets = new Set<string>();
  const refuseSecrets = (parts: readonly Part[], what: string): void =>
    eachReference(parts, ({ context }) => {
      if (context === 'secret') throw new TemplateError(`the ${what} cannot hold a secret`);
    });
  refuseSecrets(tokenUrl.parts, 'token URL');
  refuseSecrets(id ?? [], 'client ID');
  refuseSecrets(scope ?? [], 'scope');
  eachReference(secret ?? [], ({ context, name }) => {
    if (context === 'secret') secrets.add(name);
  });
  const clientAuthentication: ClientAuthentication = config.clientAuthentication ?? 'post';
  return {
    type: 'oauth2',
    parts: [...tokenUrl.parts, ...(id ?? []), ...(secret ?? []), ...(scope ?? [])],
    secrets,
    tokenRequest({ open, plain }, organizationId) {
      // The AI must not choose where credentials are sent, not even below a fixed host.
      renderTrusted(tokenUrl.parts, plain, 'authentication');
      return {
        organizationId,
        tokenUrl: tokenUrl.render(plain),
        clientId: required(renderTrusted(id ?? [], plain, 'authentication'), 'client ID'),
        clientSecret: required(renderTrusted(secret ?? [], open, 'authentication'), 'client secret'),
        scope: renderTrusted(scope ?? [], plain, 'authentication').trim(),
        clientAuthentication,
      };
    },
  };
};
