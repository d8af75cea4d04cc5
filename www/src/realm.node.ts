// What the worker's code expects of a browser's worker, in a thread of Node's that nothing else runs in.

const realm = {
  self: globalThis,
  crossOriginIsolated: false, // One thread a classifier: for more pictures at once, create more of them.
  navigator: { hardwareConcurrency: 1 },
  addEventListener: () => {}, // A trap ends the thread, which the other side is told.
  removeEventListener: () => {},
};
for (const [name, value] of Object.entries(realm)) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}
