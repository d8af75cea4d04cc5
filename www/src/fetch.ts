// Downloads that say how far they are and what went wrong. Used by the worker for the model and
// the WebAssembly, by the page for pictures given by address.

import { DownloadError, clause } from './errors.js';

/** Milliseconds within which a browser reports what it blocked. */
const REPORT_DELAY = 100;
/** The most bytes set aside on a server's word alone. */
const MOST_AHEAD = 1 << 30;

export interface Download {
  url: string;
  /** What is being fetched, as error messages name it: "the model". */
  what: string;
  signal?: AbortSignal;
  /** `total` is absent when the transfer is compressed: its length is not the file's. */
  onProgress?: (loaded: number, total?: number) => void;
}

/** Fetches, checks the answer, and returns it with its body counted as it is read. */
export async function open({ url, what, signal, onProgress }: Download): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    const code = await whyNot(url, signal);
    signal?.throwIfAborted();
    throw new DownloadError(
      code,
      `Could not reach ${what} at ${url} ${EXPLAINED[code](error, url)}`,
    );
  }
  // Neither a part of a file (206) nor no file (204) is one.
  if (response.status !== 200) {
    throw new DownloadError(
      'http-error',
      `The server answered ${response.status} for ${what} at ${url}. Check the address.`,
    );
  }
  const type = response.headers.get('content-type') ?? '';
  if (/^text\/html\b/i.test(type)) {
    throw new DownloadError(
      'html-answer',
      `A web page came back instead of ${what} from ${url}. The file is probably not at that address: many servers answer unknown addresses with their start page.`,
    );
  }
  const total = lengthOf(response);
  // Another origin may hide that it compresses, and its length then proves nothing.
  const sure = response.type === 'basic';
  const body = response.body?.pipeThrough(counter(url, what, total, sure, signal, onProgress));
  const headers = new Headers({ 'content-type': type });
  if (total !== undefined) headers.set('content-length', String(total));
  return new Response(body ?? null, { headers });
}

/** The whole file. */
export async function download(request: Download): Promise<Uint8Array<ArrayBuffer>> {
  const response = await open(request);
  try {
    const bytes = await collect(response);
    if (bytes.length > 0) return bytes;
  } catch (error) {
    request.signal?.throwIfAborted();
    if (error instanceof DownloadError) throw error;
    throw new DownloadError(
      'truncated',
      `The transfer of ${request.what} from ${request.url} broke off (${clause(error)}). Try again.`,
    );
  }
  throw new DownloadError(
    'truncated',
    `Nothing came for ${request.what} from ${request.url}: the file is empty. Check the address.`,
  );
}

/** The body in one buffer, made at its full size where the length is known. */
async function collect(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  let bytes = new Uint8Array(Math.min(lengthOf(response) ?? 0, MOST_AHEAD));
  let length = 0;
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
    const end = length + part.value.length;
    if (end > bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * bytes.length));
      larger.set(bytes.subarray(0, length));
      bytes = larger;
    }
    bytes.set(part.value, length);
    length = end;
  }
  return length === bytes.length ? bytes : bytes.slice(0, length);
}

const EXPLAINED = {
  network: (error: unknown) =>
    `(${clause(error)}). Check the address, the connection and whether that server allows this page to read it.`,
  cors: (_: unknown, url: string) =>
    `because ${new URL(url).origin} does not allow this page to read it (CORS). Download the file with the browser, then give it as a file.`,
  csp: (_: unknown, url: string) =>
    `because this page's content security policy forbids requests to ${new URL(url).origin}. Add it to connect-src, or give the file itself.`,
};

/** Browsers hide from scripts why a request failed, but they report what their policies blocked. */
async function whyNot(url: string, signal?: AbortSignal): Promise<keyof typeof EXPLAINED> {
  if (!/^https?:/.test(url)) return 'network';
  let why: keyof typeof EXPLAINED | undefined;
  const blocked = () => void (why = 'csp');
  addEventListener('securitypolicyviolation', blocked);
  // On a cross-origin isolated page the question below may be blocked too; this tells.
  const Observer = (globalThis as unknown as { ReportingObserver?: ReportWatcher })
    .ReportingObserver;
  const observer = Observer && new Observer(() => (why ??= 'cors'), { types: ['coep'] });
  observer?.observe();
  try {
    // Without asking to read the answer: whether there is one.
    await fetch(url, { method: 'HEAD', mode: 'no-cors', signal });
    if (new URL(url).origin !== globalThis.location?.origin) why ??= 'cors';
  } catch {
    await new Promise((resolve) => setTimeout(resolve, REPORT_DELAY));
  }
  removeEventListener('securitypolicyviolation', blocked);
  observer?.disconnect();
  return why ?? 'network';
}

type ReportWatcher = new (
  callback: () => void,
  options: { types: string[] },
) => { observe(): void; disconnect(): void };

function lengthOf(response: Response): number | undefined {
  if (response.headers.get('content-encoding')) return undefined;
  const length = Number(response.headers.get('content-length') ?? NaN);
  return Number.isInteger(length) && length > 0 ? length : undefined;
}

function counter(
  url: string,
  what: string,
  total: number | undefined,
  sure: boolean,
  signal: AbortSignal | undefined,
  onProgress: Download['onProgress'],
): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  let loaded = 0;
  return new TransformStream({
    transform(chunk, controller) {
      signal?.throwIfAborted();
      loaded += chunk.byteLength;
      // A proxy may compress without saying so; a total that proves wrong is no total.
      if (total !== undefined && loaded > total) total = undefined;
      onProgress?.(loaded, total);
      controller.enqueue(chunk);
    },
    flush() {
      if (sure && total !== undefined && loaded < total) {
        throw new DownloadError(
          'truncated',
          `Only ${loaded} of ${total} bytes of ${what} arrived from ${url}. Try again.`,
        );
      }
    },
  });
}
