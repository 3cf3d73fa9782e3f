export { keyIdOf, type SealScope } from './envelope.js';
export { type KeyRing, loadKeyRing, parseKeyRing } from './key-ring.js';
export { redisRingChecks } from './redis-ring-checks.js';
export {
  countKeys,
  type Rewrapped,
  rewrapped,
  type SealedValues,
  type SealInField,
  sealedHash,
} from './sealed-values.js';
export { keepSecretFile, readSecretFile, secretFile } from './secret-file.js';
export { checkRing, createVault, type RingCheckStore, type Vault } from './vault.js';
