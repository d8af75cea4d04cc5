// Workers from another origin, such as a CDN: browsers start none. They do start a script of one's own that
// imports theirs.

/** Whether a worker of this address must be imported. A sandboxed frame shares its origin with nothing. */
export function isForeign(url: string): boolean {
  return /^https?:/.test(url) && new URL(url).origin !== globalThis.origin;
}

export function bootstrap(url: string): Worker {
  const script = new Blob([`import ${JSON.stringify(url)};`], { type: 'text/javascript' });
  const address = URL.createObjectURL(script);
  const worker = new Worker(address, { type: 'module' });
  const revoke = () => URL.revokeObjectURL(address);
  // The first word of it, or that there is none.
  for (const type of ['message', 'error']) worker.addEventListener(type, revoke, { once: true });
  return worker;
}
