import { Worker } from 'node:worker_threads';
import type { Clock } from '../../../core/clock.js';
import { entryUrl } from '../../../core/entry-path.js';
import { MaterialError, type MaterialErrorKind } from './material-error.js';
import { type CertificateUpload, maxMaterialBytes, maxUploadBytes, type NormalisedCertificate } from './normalise.js';

/** How long a file may take to open, milliseconds: a million iterations of the oldest derivation fit in. */
export const openLimitMs = 20_000;
/** Uploads that are worked on at a time; the others wait in line. */
const concurrent = 1;

type Answer = { result: NormalisedCertificate } | { kind: MaterialErrorKind; message: string };

export type CertificateNormaliser = {
  /** Normalises an upload without holding up the event loop. Rejects with MaterialError. */
  normalise(upload: CertificateUpload): Promise<NormalisedCertificate>;
};

const runWorker = (upload: CertificateUpload, clock: Clock, limitMs: number): Promise<NormalisedCertificate> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(entryUrl(import.meta.url, './certificate-worker.js'), {
      workerData: { upload, nowMs: clock.now() },
      resourceLimits: { maxOldGenerationSizeMb: 256 },
    });
    const timer = clock.after(limitMs, () =>
      end(() =>
        reject(
          new MaterialError(
            'too-slow',
            `The file takes longer than ${limitMs / 1000} s to open; export it with fewer iterations.`,
          ),
        ),
      ),
    );
    let ended = false;
    const end = (settle: () => void): void => {
      if (ended) return;
      ended = true;
      timer.cancel();
      void worker.terminate();
      settle();
    };
    worker.once('message', (answer: Answer) =>
      end(() => ('result' in answer ? resolve(answer.result) : reject(new MaterialError(answer.kind, answer.message)))),
    );
    const broken = (): void =>
      end(() => reject(new MaterialError('damaged', 'The file is damaged: it cannot be read.')));
    worker.once('error', broken);
    worker.once('exit', broken);
  });

/** Makes the normaliser; uploads are worked on one after the other, each in a thread that can be ended. */
export const createCertificateNormaliser = (clock: Clock, limitMs = openLimitMs): CertificateNormaliser => {
  const waiting: (() => void)[] = [];
  let running = 0;
  return {
    async normalise(upload) {
      if (upload.certificate.length > maxUploadBytes || (upload.key?.length ?? 0) > maxUploadBytes) {
        throw new MaterialError('too-large', `The file is larger than ${maxMaterialBytes} bytes.`);
      }
      if (running >= concurrent) await new Promise<void>((resolve) => waiting.push(resolve));
      running += 1;
      try {
        return await runWorker(upload, clock, limitMs);
      } finally {
        running -= 1;
        waiting.shift()?.();
      }
    },
  };
};
