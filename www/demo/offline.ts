// The page without a network: what keeps it on this device, and brings newer versions of it. Where a
// host cannot isolate it, the same service worker does, from the second load on.

import type { ClassifierInfo } from 'xception-web';
import { ASKED, ISOLATED, NAME, SHARED, type Replied, type Told } from '../offline/messages.js';
import { element } from './dom.js';
import { asked, keepInAddress } from './location.js';

const status = element('offline');
const newer = element<HTMLButtonElement>('newer');
const install = element<HTMLButtonElement>('install');

/** Not on plain http://, nor in every private window. */
const container = (navigator as { serviceWorker?: ServiceWorkerContainer }).serviceWorker;

/** That this window was loaded anew to be isolated. */
const TRIED = 'xception-isolating';

/** Chromium's, which TypeScript's DOM does not list. */
type InstallEvent = Event & { prompt: () => Promise<unknown> };

/** Whether a reload would lose anything: somebody began something here, or sent it. */
let begun = false;
for (const type of ['click', 'keydown', 'change', 'drop', 'paste']) {
  addEventListener(type, () => (begun = true), { capture: true, once: true });
}

/** Before anything is loaded: a page that must be loaded anew is so at once. */
export async function begin(): Promise<void> {
  const waiting = (await container?.getRegistration().catch(() => undefined))?.waiting;
  if (waiting && !begun) await replace(waiting);
  else if (
    container &&
    !container.controller &&
    !crossOriginIsolated &&
    asked.get(ISOLATED) !== 'off'
  ) {
    const active = await registered();
    // What was begun meanwhile goes on in one thread, until the next visit; and once is enough where
    // something keeps the worker away.
    if (!active || begun || sessionStorage.getItem(TRIED)) return;
    sessionStorage.setItem(TRIED, 'yes');
    location.reload();
  }
}

/** Once it runs: keeps the page and what it runs on. */
export async function keep({ backend, origin, model }: ClassifierInfo): Promise<void> {
  const paths = backend === 'cpu' ? [] : [`xception-web/wasm/${backend}_bg.wasm`];
  if (origin.url) paths.push(pathOf(origin.url));
  if (model.classes === 1000) paths.push('xception-web/models/imagenet.json');
  if (await keepFiles(paths))
    status.textContent = 'This page is kept on this device and works offline.';
}

/** Keeps these files of the site, too; whether they are kept. */
export async function keepFiles(paths: string[]): Promise<boolean> {
  const worker = await registered();
  const told = worker && (await ask(worker, { type: 'keep', paths }));
  return told !== undefined && 'kept' in told && told.kept;
}

/** Pictures that other programs shared with the installed page. */
export async function takeShared(): Promise<File[]> {
  if (!asked.has(ASKED) || !container) return [];
  keepInAddress({ [ASKED]: undefined });
  const waiting = await caches.open(SHARED);
  const files = await Promise.all(
    (await waiting.keys()).map(async (request) => {
      const response = (await waiting.match(request))!;
      const name = decodeURIComponent(response.headers.get(NAME) ?? 'shared');
      return new File([await response.blob()], name, {
        type: response.headers.get('Content-Type') ?? '',
      });
    }),
  );
  await caches.delete(SHARED);
  begun ||= files.length > 0;
  return files;
}

let registering: Promise<ServiceWorker | undefined> | undefined;

/** The service worker, when it has all that it begins with; none where there cannot be one. */
function registered(): Promise<ServiceWorker | undefined> {
  return (registering ??= register());
}

async function register(): Promise<ServiceWorker | undefined> {
  if (!container) return undefined;
  try {
    await container.register('sw.js', { updateViaCache: 'none' });
  } catch {
    return undefined; // It is not served, or not allowed: the page does without.
  }
  const registration = await container.getRegistration();
  if (!registration) return undefined;
  const offer = () => {
    newer.hidden = !registration.waiting || !container.controller;
  };
  registration.addEventListener('updatefound', () => {
    registration.installing?.addEventListener('statechange', offer);
  });
  offer();
  return registration.active ?? (await container.ready).active ?? undefined;
}

async function replace(waiting: ServiceWorker): Promise<void> {
  container?.addEventListener('controllerchange', () => location.reload(), { once: true });
  const told = await ask(waiting, { type: 'replace' });
  if ('others' in told && told.others > 0) {
    status.textContent =
      'Close the other windows with this page first: they still run its older version.';
  }
}

function ask(worker: ServiceWorker, told: Told): Promise<Replied> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }: MessageEvent<Replied>) => resolve(data);
    worker.postMessage(told, [port2]);
  });
}

/** As the service worker calls a file of the site. */
function pathOf(url: string): string {
  return new URL(url, location.href).href.slice(new URL('.', location.href).href.length);
}

newer.addEventListener('click', async () => {
  const waiting = (await container?.getRegistration())?.waiting;
  if (waiting) await replace(waiting);
  else location.reload();
});
addEventListener('beforeinstallprompt', (event) => {
  event.preventDefault(); // Offered here, not over the page.
  install.hidden = false;
  install.onclick = () => void (event as InstallEvent).prompt();
});
addEventListener('appinstalled', () => (install.hidden = true));
