// One more thread for the CPU backend: a worker inside the worker, on the same WebAssembly memory.

import init, { work } from '#pkg/threads';
import { READY, type Start } from './protocol.js';

declare const self: DedicatedWorkerGlobalScope;

self.addEventListener('message', async ({ data: { module, memory } }: MessageEvent<Start>) => {
  try {
    await init({ module_or_path: module, memory });
  } catch (error) {
    self.postMessage(String(error));
    return;
  }
  self.postMessage(READY);
  // Never returns: from here on the kernels wake this thread through the shared memory.
  work();
});
