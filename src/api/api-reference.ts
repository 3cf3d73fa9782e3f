/** What of an OpenAPI document the page shows. */
export type DocumentedApi = {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly summary: string;
            readonly tags: readonly string[];
            readonly description?: string;
            readonly parameters: readonly { readonly name: string; readonly in: string }[];
            readonly requestBody?: object;
            readonly responses: Readonly<Record<string, object>>;
          }
        >
      >
    >
  >;
};

const code = (text: string): string => `\`${text}\``;

/** The API page of the reference, made from the document that /openapi.json serves. */
export const apiReference = ({ paths }: DocumentedApi): string => {
  const byTag = new Map<string, string[]>();
  for (const [path, methods] of Object.entries(paths)) {
    // Another's API, which its own guide describes; it is there with LiveKit alone.
    if (path.startsWith('/twirp/')) continue;
    for (const [method, { summary, tags, description = '', parameters, requestBody, responses }] of Object.entries(
      methods,
    )) {
      const permission = /Permission `([\w:-]+)`/.exec(description)?.[1];
      const query = parameters.filter((each) => each.in === 'query').map(({ name }) => code(name));
      const statuses = Object.keys(responses);
      const cells = [
        `${code(`${method.toUpperCase()} ${path}`)}${requestBody === undefined ? '' : ' +'}`,
        summary.replaceAll('|', '\\|'),
        permission === undefined ? '' : code(permission),
        query.join(' '),
        statuses.filter((status) => status < '400').join(', '),
      ];
      const [tag = ''] = tags;
      byTag.set(tag, [...(byTag.get(tag) ?? []), `| ${cells.join(' | ')} |`]);
    }
  }
  const sections = [...byTag].map(
    ([tag, rows]) =>
      `## ${tag}\n\n| request | what it does | permission | query | answers |\n|---|---|---|---|---|\n${rows.join('\n')}\n`,
  );
  return `# API

\`/openapi.json\` of a running gateway describes every request and answer to the last field (OpenAPI 3.1); this page is made from it.
\`+\` marks requests with a body. Which role has which permission is said in [credentials](credentials.md), as is
\`Idempotency-Key\`; what a refusal means in [errors](errors.md). Lists answer \`{items, next}\`: \`next\` is the \`cursor\` of the
next page, null at the end. LiveKit's own requests have [a guide](../guides/livekit-sip-api.md).

${sections.join('\n')}`;
};
