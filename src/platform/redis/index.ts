export { connectRedis, type PipelineOutcome, type RedisConnection, type RedisConnectOptions } from './connection.js';
export { storeError } from './failures.js';
export { keyPart, keyPrefix, orgKey, orgPrefix, sharedKey } from './keys.js';
export { createOutageBuffer, type OutageBuffer } from './outage-buffer.js';
export {
  type RedisCommand,
  type RedisReply,
  replyFields,
  replyList,
  replyNumber,
  replyText,
  replyTextOrNull,
  replyTexts,
} from './reply.js';
export { loadScript, type RedisScript, scriptOf } from './script.js';
