export { type CommandBus, type CommandHandler, createCommandBus, InstanceAbsent } from './command-bus.js';
export { connectRedis, type PipelineOutcome, type RedisConnection, type RedisConnectOptions } from './connection.js';
export { type EmbeddedRedis, type EmbeddedRedisOptions, startEmbeddedRedis } from './embedded.js';
export { eraseOrganization } from './erase.js';
export { storeError } from './failures.js';
export { createKeptAnswers, type KeptAnswers, type KeptRequest } from './kept-answers.js';
export { keyPart, keyPrefix, orgKey, orgPrefix, sharedKey } from './keys.js';
export { createOutageBuffer, type OutageBuffer } from './outage-buffer.js';
export { checkRedisVersion } from './redis-binary.js';
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
export {
  createWorkQueue,
  type QueuedPiece,
  type WorkQueue,
  type WorkQueueOptions,
  type WorkTries,
  type WorkVerdict,
} from './work-queue.js';
