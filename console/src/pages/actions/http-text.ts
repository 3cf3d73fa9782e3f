import { isRecord } from '../../ui/json.js';

const headerLine = (header: unknown): string =>
  Array.isArray(header) ? `${String(header[0])}: ${String(header[1])}` : JSON.stringify(header);

/**
 * A request or an answer of an action as people know them: first line, a line for each header, the body as it was. What
 * has another form is given back.
 */
export const messageText = (message: unknown): unknown => {
  if (!isRecord(message) || !Array.isArray(message.headers)) return message;
  const { method, url, headers, body } = message;
  return [
    ...(typeof url === 'string' ? [`${String(method)} ${url}`] : []),
    ...headers.map(headerLine),
    ...(typeof body === 'string' && body !== '' ? ['', body] : []),
  ].join('\n');
};
