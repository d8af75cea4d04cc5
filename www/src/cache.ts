// Models kept on this device. Only whole, proven files are put here; nothing is kept in part.

const NAME = 'xception-web-models';
const DIGEST = 'x-sha256';

/** A model kept on this device. */
export interface CachedModel {
  /** Where it was downloaded from. */
  url: string;
  bytes: number;
  /** Its digest, where it was checked. */
  sha256?: string;
  stored: Date;
}

/** The bytes kept for an address; what they are is for the caller to check. */
export async function recall(url: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (!(await has())) return undefined;
  const kept = await (await caches.open(NAME)).match(url);
  if (!kept) return undefined;
  const bytes = new Uint8Array(await kept.arrayBuffer());
  return bytes.length === Number(kept.headers.get('content-length')) ? bytes : undefined;
}

/** Keeps the bytes, or throws what the browser says against it. */
export async function store(
  url: string,
  bytes: Uint8Array<ArrayBuffer>,
  sha256?: string,
): Promise<void> {
  const headers = new Headers({
    'content-length': String(bytes.length),
    'content-type': 'application/octet-stream',
    date: new Date().toUTCString(),
  });
  if (sha256) headers.set(DIGEST, sha256);
  if (typeof caches === 'undefined') {
    throw new Error('browsers keep files only for pages on https:// or localhost');
  }
  await (await caches.open(NAME)).put(url, new Response(new Blob([bytes]), { headers }));
}

/** Forgets one address, or all. */
export async function forget(url?: string): Promise<void> {
  if (!(await has())) return;
  if (url === undefined) await caches.delete(NAME);
  else await (await caches.open(NAME)).delete(url);
}

export async function list(): Promise<CachedModel[]> {
  if (!(await has())) return [];
  const cache = await caches.open(NAME);
  const found = await Promise.all(
    (await cache.keys()).map(async ({ url }) => {
      const headers = (await cache.match(url))?.headers;
      return {
        url,
        bytes: Number(headers?.get('content-length')),
        sha256: headers?.get(DIGEST) ?? undefined,
        stored: new Date(headers?.get('date') ?? 0),
      };
    }),
  );
  return found;
}

/** Whether there is anything to look into; asking creates nothing. */
async function has(): Promise<boolean> {
  if (typeof caches === 'undefined') return false;
  return caches.has(NAME).catch(() => false);
}
