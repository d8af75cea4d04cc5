// Workers from another origin, such as a CDN: browsers start none. They do start a script of one's own that
// imports theirs.

/** Whether a worker of this address must be imported. A sandboxed frame shares its origin with nothing. */
export function isForeign(url: string): boolean {
  return /^https?:/.test(url) && new URL(url).origin !== globalThis.origin;
}

export function bootstrap(url: string): Worker {
  const script = `import ${JSON.stringify(url)};`;
  // Chromium runs no module of a sandboxed frame's blobs. Elsewhere such an address would give the worker an
  // origin of its own, which may keep nothing.
  if (globalThis.origin === 'null')
    return begin(`data:text/javascript,${encodeURIComponent(script)}`);
  const address = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
  const worker = begin(address);
  const revoke = () => URL.revokeObjectURL(address);
  // The first word of it, or that there is none.
  for (const type of ['message', 'error']) worker.addEventListener(type, revoke, { once: true });
  return worker;
}

function begin(address: string): Worker {
  return new Worker(address, { type: 'module' });
}
