// Models kept on this device. Only whole, proven files are put here; nothing is kept in part. What a
// file's SHA-256 was is kept longer than its bytes: what comes from the same address later is held to it.

const NAME = 'xception-web-models';
/**
 * Beside the models, and forgotten with all of them: which backend is the faster.
 * @internal
 */
export const SPEEDS = 'xception-web-speeds';
const DIGEST = 'x-sha256';

/** A model kept on this device. */
export interface CachedModel {
  /** Where it was downloaded from. */
  url: string;
  bytes: number;
  /** Its digest, where the browser computes any. */
  sha256?: string;
  stored: Date;
}

/** @internal */
export interface Kept {
  bytes?: Uint8Array<ArrayBuffer>;
  /** Of what came, whether its bytes are still here or not. */
  sha256?: string;
}

/**
 * What is kept of an address; what the bytes are is for the caller to check.
 * @internal
 */
export async function recall(url: string): Promise<Kept> {
  if (!(await has())) return {};
  const kept = await (await caches.open(NAME)).match(url);
  if (!kept) return {};
  const sha256 = kept.headers.get(DIGEST) ?? undefined;
  const bytes = new Uint8Array(await kept.arrayBuffer());
  const whole = bytes.length > 0 && bytes.length === lengthOf(kept);
  return { bytes: whole ? bytes : undefined, sha256 };
}

/**
 * What is kept of an address as a server would send it.
 * @internal
 */
export async function reopen(url: string): Promise<Response | undefined> {
  return (await caches.open(NAME)).match(url);
}

/**
 * Keeps the bytes, or the digest alone; or throws what the browser says against it.
 * @internal
 */
export async function store(url: string, { bytes, sha256 }: Kept): Promise<void> {
  const headers = new Headers({
    'content-length': String(bytes?.length ?? 0),
    'content-type': 'application/octet-stream',
    date: new Date().toUTCString(),
  });
  if (sha256) headers.set(DIGEST, sha256);
  if (typeof caches === 'undefined') {
    throw new Error('browsers keep files only for pages on https:// or localhost');
  }
  const body = bytes && new Blob([bytes]);
  await (await caches.open(NAME)).put(url, new Response(body, { headers }));
}

/** Forgets one address, or all. */
export async function forget(url?: string): Promise<void> {
  if (url === undefined && (await has(SPEEDS))) await caches.delete(SPEEDS);
  if (!(await has())) return;
  if (url === undefined) await caches.delete(NAME);
  else await (await caches.open(NAME)).delete(url);
}

export async function list(): Promise<CachedModel[]> {
  if (!(await has())) return [];
  const cache = await caches.open(NAME);
  const found = await Promise.all(
    (await cache.keys()).map(async ({ url }) => {
      const kept = await cache.match(url);
      return {
        url,
        bytes: lengthOf(kept),
        sha256: kept?.headers.get(DIGEST) ?? undefined,
        stored: new Date(kept?.headers.get('date') ?? 0),
      };
    }),
  );
  return found.filter(({ bytes }) => bytes > 0);
}

function lengthOf(kept: Response | undefined): number {
  return Number(kept?.headers.get('content-length'));
}

/** Whether there is anything to look into; asking creates nothing. */
async function has(name = NAME): Promise<boolean> {
  try {
    return await caches.has(name);
  } catch {
    return false; // On plain http:// there is nothing to ask, and a sandboxed frame is refused an answer.
  }
}
