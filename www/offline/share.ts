// Pictures shared with the installed page by other programs: they come as a form, and wait for the page.

import { ASKED, NAME, SHARED } from './messages.js';

declare const self: ServiceWorkerGlobalScope;

/** Where the manifest sends them. */
const ACTION = 'share';

export function isShare({ method, url }: Request): boolean {
  return method === 'POST' && new URL(url).pathname === new URL(ACTION, scope()).pathname;
}

/** Keeps what came, and sends on to the page. */
export async function receive(request: Request): Promise<Response> {
  const form = await request.formData();
  const page = new URL(scope());
  const files = form.getAll('pictures').filter((value) => value instanceof File);
  const address = addressIn([form.get('url'), form.get('text')]);
  await caches.delete(SHARED);
  if (files.length > 0) {
    const waiting = await caches.open(SHARED);
    for (const [i, file] of files.entries()) {
      const headers = { 'Content-Type': file.type, [NAME]: encodeURIComponent(file.name) };
      await waiting.put(new URL(`${ACTION}/${i}`, scope()), new Response(file, { headers }));
    }
    page.searchParams.set(ASKED, '');
  } else if (address) {
    page.searchParams.set('url', address);
  }
  return Response.redirect(page, 303);
}

/** Programs put an address into either field, often with words around it. */
function addressIn(texts: (FormDataEntryValue | null)[]): string | undefined {
  return texts.flatMap((text) => String(text ?? '').match(/https?:\/\/\S+/) ?? [])[0];
}

function scope(): string {
  return self.registration.scope;
}
