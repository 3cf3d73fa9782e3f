import { parentPort, workerData } from 'node:worker_threads';
import { MaterialError } from './material-error.js';
import { type CertificateUpload, normaliseCertificate } from './normalise.js';

// One upload per worker: whatever the file does to this thread ends with it.
const { upload, nowMs } = workerData as { upload: CertificateUpload; nowMs: number };
try {
  parentPort?.postMessage({ result: normaliseCertificate(upload, nowMs) });
} catch (error) {
  const known = error instanceof MaterialError;
  parentPort?.postMessage({
    kind: known ? error.kind : 'damaged',
    message: known ? error.message : 'The file is damaged: it cannot be read.',
  });
}
