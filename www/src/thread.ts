// One more thread for the CPU backend: a worker inside the worker, on the same WebAssembly memory.

import init, { work } from '#pkg/threads';

declare const self: DedicatedWorkerGlobalScope;

export interface Start {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
}

self.addEventListener('message', async ({ data: { module, memory } }: MessageEvent<Start>) => {
  await init({ module_or_path: module, memory });
  self.postMessage('ready');
  // Never returns: from here on the kernels wake this thread through the shared memory.
  work();
});
