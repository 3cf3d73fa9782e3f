import type { AgentTools, ToolFault } from '../../../domain/calls/ports.js';
import type { RpcReply } from './protocol.js';
import { payloadOf } from './rpc-payload.js';

/** Codes of RpcError; below 1000 they are the application's. */
const codes: Readonly<Record<ToolFault['code'], number>> = {
  unknown_tool: 404,
  bad_arguments: 400,
  too_many: 429,
  not_available: 409,
  session_ended: 410,
  failed: 500,
};

const refusal = (fault: ToolFault): RpcReply => ({
  ok: false,
  code: codes[fault.code],
  message: fault.message,
  data: JSON.stringify({ code: fault.code }),
});

const answer = (value: unknown): RpcReply => ({ ok: true, payload: payloadOf(value) });

const parsed = (payload: string): { readonly value: unknown } | null => {
  if (payload.trim() === '') return { value: {} };
  try {
    return { value: JSON.parse(payload) as unknown };
  } catch {
    return null;
  }
};

const names = (value: unknown): ReadonlySet<string> | null =>
  Array.isArray(value) && value.length > 0 ? new Set(value.map((name) => String(name).toLowerCase())) : null;

/** `lk.sip.GetRemoteHeaders`: the INVITE's headers, all or those of `include`, without those of `exclude`. */
const remoteHeaders = (headers: ReadonlyMap<string, string>, request: unknown): RpcReply => {
  const { include, exclude } = (typeof request === 'object' && request !== null ? request : {}) as {
    include?: unknown;
    exclude?: unknown;
  };
  const wanted = names(include);
  const unwanted = names(exclude);
  const chosen = [...headers].filter(
    ([name]) => (wanted === null || wanted.has(name)) && (unwanted === null || !unwanted.has(name)),
  );
  return answer({ headers: Object.fromEntries(chosen) });
};

/** Answers an agent's RPC: our tools by their names, and the two methods of LiveKit's own SIP participants. Never rejects. */
export const answerRpc = async (
  call: { readonly tools: AgentTools; readonly headers: ReadonlyMap<string, string> },
  method: string,
  payload: string,
): Promise<RpcReply> => {
  const request = parsed(payload);
  if (request === null) return refusal({ code: 'bad_arguments', message: 'The payload is not JSON.' });
  if (method === 'lk.sip.GetRemoteHeaders') return remoteHeaders(call.headers, request.value);
  // Headers it wants on our BYE are not for an agent to choose.
  const result =
    method === 'lk.sip.EndCall' ? await call.tools.call('end_call', {}) : await call.tools.call(method, request.value);
  return result.ok ? answer(result.value) : refusal(result.fault);
};
