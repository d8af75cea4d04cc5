// One more thread for the CPU backend: a worker inside the worker, on the same WebAssembly memory.

import * as relaxed from '#pkg/threads';
import * as plain from '#pkg/threads-simd128';
import { READY, type Start } from './protocol.js';

declare const self: DedicatedWorkerGlobalScope;

self.addEventListener('message', async ({ data }: MessageEvent<Start>) => {
  const { module, memory } = data;
  const glue = data.relaxed ? relaxed : plain;
  try {
    await glue.default({ module_or_path: module, memory });
  } catch (error) {
    self.postMessage(String(error));
    return;
  }
  self.postMessage(READY);
  try {
    // Never returns: from here on the kernels wake this thread through the shared memory.
    glue.work();
  } catch (error) {
    // A trap, of which WebAssembly itself learns nothing: without this, the others would wait for ever.
    glue.workFailed();
    throw error;
  }
});
