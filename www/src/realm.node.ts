// What the worker's code expects of a browser's worker, in a thread of Node's that nothing else runs in.

/** What a browser tells of errors that nobody caught; Node would end the thread, and leave who waits for it waiting. */
function addEventListener(type: string, listener: (event: object) => void): void {
  if (type === 'error') {
    process.on('uncaughtException', (error) => listener({ error, preventDefault }));
  } else if (type === 'unhandledrejection') {
    process.on('unhandledRejection', (reason) => listener({ reason, preventDefault }));
  }
}

/** Whoever listens has seen it. */
function preventDefault(): void {}

const realm = {
  self: globalThis,
  crossOriginIsolated: false, // One thread a classifier: for more pictures at once, create more of them.
  navigator: { hardwareConcurrency: 1 },
  // Deno has them, and listens to its process by them.
  ...(!('addEventListener' in globalThis) && { addEventListener, removeEventListener: () => {} }),
};
for (const [name, value] of Object.entries(realm)) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}
