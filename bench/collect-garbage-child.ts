import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';

// Loaded into a gateway whose memory is measured: SIGUSR2 collects the garbage of all its threads, so that what is left
// is what is kept.
setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');
const threads = new BroadcastChannel('collect-garbage');
threads.onmessage = () => collect();
// Node's own class; the type of the browser's has no unref.
if ('unref' in threads && typeof threads.unref === 'function') threads.unref();
if (isMainThread) {
  process.on('SIGUSR2', () => {
    threads.postMessage(null);
    collect();
  });
}
