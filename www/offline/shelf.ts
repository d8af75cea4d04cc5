// The site's files, kept on the device under what they hold. A version of this worker hands out the
// files of its own build and no others: what a server has in their place by now is an error.

import { COURIER, COURIER_POLICY, FILES, ISOLATION, POLICY } from './built.js';

declare const self: ServiceWorkerGlobalScope;

const scope = new URL(self.registration.scope);
/** Of this site alone: there may be another one in another folder of the same host. */
const NAME = `xception-page ${scope.pathname}`;

/** The file of this build at an address, if it is one. */
export function pathOf({ origin, pathname }: URL): string | undefined {
  if (origin !== scope.origin || !pathname.startsWith(scope.pathname)) return undefined;
  const path = pathname.slice(scope.pathname.length) || 'index.html';
  return Object.hasOwn(FILES, path) ? path : undefined;
}

/** The file: what is kept of it, or what comes from the server, which is then kept. */
export async function take(path: string): Promise<Response> {
  const shelf = await caches.open(NAME);
  const kept = await shelf.match(keyOf(path));
  if (kept) return kept;
  const response = await ask(path);
  if (!response.ok || !response.body) return response;
  return new Response(response.body.pipeThrough(proof(path, response, shelf)), {
    headers: headersOf(path, response, sentLength(response)),
  });
}

/** Keeps these files; fails where one cannot be had, or is of another version. */
export async function fill(paths: Iterable<string>): Promise<void> {
  const shelf = await caches.open(NAME);
  await Promise.all(
    [...new Set(paths)].map(async (path) => {
      if (await shelf.match(keyOf(path))) return;
      const response = await ask(path);
      if (!response.ok) throw new Error(`The server answered ${response.status} for ${path}.`);
      await keep(shelf, path, response, await response.arrayBuffer());
    }),
  );
}

/** What is kept, of this version or another, as far as this version has it. */
export async function held(): Promise<string[]> {
  const keys = await (await caches.open(NAME)).keys();
  return keys.map(({ url }) => pathOf(new URL(url))).filter((path) => path !== undefined);
}

/** Takes away what belongs to other versions. */
export async function tidy(): Promise<void> {
  const shelf = await caches.open(NAME);
  const own = new Set(Object.keys(FILES).map(keyOf));
  for (const request of await shelf.keys()) {
    if (!own.has(request.url)) await shelf.delete(request);
  }
}

function keyOf(path: string): string {
  return `${new URL(path, scope).href}?${FILES[path]}`;
}

/** From the server, which is asked whether what the browser has is still that. */
function ask(path: string): Promise<Response> {
  return fetch(new URL(path, scope), { cache: 'no-cache' });
}

/** Lets a file through as it comes, but its end only when the whole is proven to be of this version. */
function proof(path: string, response: Response, shelf: Cache) {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  return new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(part, controller) {
      const last = parts.at(-1);
      if (last) controller.enqueue(last);
      parts.push(part);
    },
    async flush(controller) {
      await keep(shelf, path, response, await new Blob(parts).arrayBuffer());
      const last = parts.at(-1);
      if (last) controller.enqueue(last);
    },
  });
}

async function keep(
  shelf: Cache,
  path: string,
  response: Response,
  bytes: ArrayBuffer,
): Promise<void> {
  if ((await digest(bytes)) !== FILES[path]) {
    // There is a newer version, most likely.
    void self.registration.update().catch(() => {});
    throw new Error(`${path} on the server is of another version. Reload the page.`);
  }
  const headers = headersOf(path, response, bytes.byteLength);
  // A device that is full keeps nothing: what was asked for is there all the same.
  await shelf.put(keyOf(path), new Response(bytes, { headers })).catch(() => {});
}

/** What the host sends, with what it leaves out. Its compression is undone by now. */
function headersOf(path: string, { headers }: Response, length: number | undefined): Headers {
  const policy = path === COURIER ? COURIER_POLICY : POLICY;
  const all = new Headers({
    'Content-Type': headers.get('Content-Type') ?? 'application/octet-stream',
    'Content-Security-Policy': headers.get('Content-Security-Policy') ?? policy,
    'X-Content-Type-Options': 'nosniff',
    ...ISOLATION,
  });
  if (length !== undefined) all.set('Content-Length', String(length));
  return all;
}

/** The file's length, where it is not that of something compressed. */
function sentLength({ headers }: Response): number | undefined {
  const length = headers.get('Content-Length');
  return length === null || headers.has('Content-Encoding') ? undefined : Number(length);
}

/** As scripts/build.mjs writes it. */
async function digest(bytes: ArrayBuffer): Promise<string> {
  const whole = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const half = String.fromCharCode(...whole.subarray(0, 16));
  return btoa(half).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}
