// The page's service worker: the page without a network, and isolated where its host cannot say so.
// It never takes a running page over: a page ends with the version that it began with.

import { FILES, ISOLATION, MODEL, SHELL } from './built.js';
import { ISOLATED, type Replied, type Told } from './messages.js';
import { isShare, receive } from './share.js';
import { fill, held, pathOf, take, tidy } from './shelf.js';
import { hasRelaxedSimd } from '../src/relaxed.js';

declare const self: ServiceWorkerGlobalScope;

self.addEventListener('install', (event) => {
  // What was kept of the last version, too: whoever could go offline before still can.
  event.waitUntil(held().then((paths) => fill([...SHELL, ...paths])));
});

self.addEventListener('activate', (event) => event.waitUntil(tidy()));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (isShare(request)) return event.respondWith(receive(request));
  const url = new URL(request.url);
  const path = request.method === 'GET' ? pathOf(url) : undefined;
  if (path === undefined) return;
  const open = request.mode === 'navigate' && url.searchParams.get(ISOLATED) === 'off';
  event.respondWith(open ? take(path).then(unisolated) : take(path));
});

self.addEventListener('message', (event) => {
  const told = event.data as Told;
  const reply = (reply: Replied) => event.ports[0]?.postMessage(reply);
  if (told.type === 'keep') {
    const wanted = [...forTheCpu(), ...told.paths].filter((path) => Object.hasOwn(FILES, path));
    event.waitUntil(
      fill(wanted).then(
        () => reply({ kept: true }),
        () => reply({ kept: false }),
      ),
    );
  } else {
    event.waitUntil(replace().then(reply));
  }
});

/** The default model, and the modules that run anywhere: with threads and without. */
function forTheCpu(): string[] {
  const modules = hasRelaxedSimd() ? ['threads', 'relaxed'] : ['threads-simd128', 'cpu'];
  return [MODEL, ...modules.map((name) => `xception-web/wasm/${name}_bg.wasm`)];
}

/** Two versions cannot run side by side: files that the older one still needs would be gone. */
async function replace(): Promise<Replied> {
  const open = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const others = open.filter(({ url }) => pathOf(new URL(url)) === 'index.html').length - 1;
  if (others < 1) await self.skipWaiting();
  return { others };
}

/** The page as on a host that isolates nothing, because somebody wants it so. */
function unisolated(page: Response): Response {
  const headers = new Headers(page.headers);
  for (const name of Object.keys(ISOLATION)) headers.delete(name);
  return new Response(page.body, { status: page.status, headers });
}
