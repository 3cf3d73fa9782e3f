import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import {
  CallToolRequestSchema,
  type CallToolResult,
  ErrorCode,
  ListToolsRequestSchema,
  McpError,
} from '@modelcontextprotocol/sdk/types.js';
import type { JsonSchemaType, JsonSchemaValidator, jsonSchemaValidator } from '@modelcontextprotocol/sdk/validation';
import type { Clock } from '../../core/clock.js';
import type { ToolAnswer, ToolDescription } from '../../domain/calls/ports.js';

/** How often a client that asked for progress hears that a tool still runs, ms: its patience begins anew each time. */
const progressEvery = 5_000;

/** One session's tools, as a server of one request sees them. */
export type SessionTools = {
  list(): Promise<readonly ToolDescription[]>;
  use(name: string, args: unknown): Promise<ToolAnswer>;
};

/**
 * The SDK makes an Ajv for every server otherwise, which costs more than all the rest of a request. Only answers to
 * questions of the server (elicitation) would be judged with it, and this server asks none.
 */
const noValidator: jsonSchemaValidator = {
  getValidator:
    <T>(_schema: JsonSchemaType): JsonSchemaValidator<T> =>
    () => ({ valid: false, data: undefined, errorMessage: 'nothing was asked for' }),
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A tool's answer as MCP has it. What came of a tool is its result, an outcome that is not the hoped-for one too. */
const resultOf = (name: string, answer: ToolAnswer): CallToolResult => {
  if (!answer.ok) {
    const { code, message } = answer.fault;
    // The one fault that is of the protocol (MCP, "Tools", error handling): an agent can do nothing with it.
    if (code === 'unknown_tool') throw new McpError(ErrorCode.InvalidParams, `Unknown tool ${JSON.stringify(name)}.`);
    return { content: [{ type: 'text', text: message }], structuredContent: { code, message }, isError: true };
  }
  const { value } = answer;
  return {
    content: [{ type: 'text', text: JSON.stringify(value) }],
    ...(isObject(value) ? { structuredContent: value } : {}),
    isError: isObject(value) && value.success === false,
  };
};

/** An MCP server for one request (the transport is stateless): it has the tools of one session and nothing else. */
export const createMcpServer = (version: string, tools: SessionTools, clock: Clock): Server => {
  const server = new Server(
    { name: 'voice-gateway', version },
    {
      capabilities: { tools: { listChanged: true } },
      jsonSchemaValidator: noValidator,
      instructions: 'Tools of the telephone call that this token belongs to.',
    },
  );
  server.setRequestHandler(ListToolsRequestSchema, async () => ({
    tools: (await tools.list()).map(({ name, description, parameters }) => ({
      name,
      description,
      inputSchema: { ...parameters, type: 'object' as const },
    })),
  }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { sendNotification }) => {
    const token = params._meta?.progressToken;
    let progress = 0;
    const tell = (): { cancel(): void } =>
      clock.after(progressEvery, () => {
        progress += 1;
        // The client may be gone; the tool goes on without it.
        if (token !== undefined) {
          sendNotification({ method: 'notifications/progress', params: { progressToken: token, progress } }).catch(
            () => {},
          );
        }
        timer = tell();
      });
    let timer = tell();
    try {
      return resultOf(params.name, await tools.use(params.name, params.arguments));
    } finally {
      timer.cancel();
    }
  });
  return server;
};
