// Downloads that say how far they are and what went wrong. Used by the worker for the model and
// the WebAssembly, by the page for pictures given by address.

import { causedBy, clause, throwIfAborted } from './cause.js';
import { DownloadError } from './errors.js';
import { request } from './request.js';

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

/** Fetches and checks the answer, and returns it as it is: its body is still to be read. */
export async function open({ url, what, signal }: Download): Promise<Response> {
  let response: Response;
  try {
    response = url.startsWith('data:') ? unpack(url) : await request(url, { signal });
  } catch (error) {
    throwIfAborted(signal);
    const code = await whyNot(url, signal);
    throwIfAborted(signal);
    throw causedBy(
      error,
      new DownloadError(code, `Could not reach ${what} at ${url} ${EXPLAINED[code](error, url)}`),
    );
  }
  const type = response.headers.get('content-type') ?? '';
  // Neither a part of a file (206) nor no file (204) is one.
  const refused = response.status !== 200;
  if (!refused && !/^text\/html\b/i.test(type)) return response;
  void response.body?.cancel().catch(() => {}); // It would come to its end for nothing.
  if (refused) {
    throw new DownloadError(
      'http-error',
      `The server answered ${response.status} for ${what} at ${url}. Check the address.`,
    );
  }
  throw new DownloadError(
    'html-answer',
    `A web page came back instead of ${what} from ${url}. The file is probably not at that address: many servers answer unknown addresses with their start page.`,
  );
}

/**
 * A file inside its address, as bundlers put small ones there. Taken out by hand: a strict content
 * security policy forbids to fetch it.
 */
function unpack(url: string): Response {
  const parts = /^data:([^,]*?)(;base64)?,([^#]*)/is.exec(url);
  if (!parts) throw new Error('nothing is in it');
  const [, type, base64, body] = parts;
  const bytes = body!.replace(/%([\da-f]{2})/gi, (_, hex) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
  const file = Uint8Array.from(base64 ? atob(bytes) : bytes, (byte) => byte.charCodeAt(0));
  return new Response(file, { headers: { 'content-type': type || 'text/plain' } });
}

/**
 * The whole file.
 * @internal
 */
export async function download(request: Download): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await collect(await open(request), request);
  if (bytes.length > 0) return bytes;
  throw new DownloadError(
    'truncated',
    `Nothing came for ${request.what} from ${request.url}: the file is empty. Check the address.`,
  );
}

/**
 * The body in one buffer, made at its full size where the length is known.
 * @internal
 */
export async function collect(
  response: Response,
  request: Download,
): Promise<Uint8Array<ArrayBuffer>> {
  let bytes = new Uint8Array(Math.min(lengthOf(response) ?? 0, MOST_AHEAD));
  let length = 0;
  await read(response, request, (part) => {
    const end = length + part.length;
    if (end > bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * bytes.length));
      larger.set(bytes.subarray(0, length));
      bytes = larger;
    }
    bytes.set(part, length);
    length = end;
  });
  return length === bytes.length ? bytes : bytes.slice(0, length);
}

/** Reads the body to its end and counts it; throws where it breaks off. */
export async function read(
  response: Response,
  { url, what, signal, onProgress }: Download,
  take: (part: Uint8Array) => void = () => {},
): Promise<void> {
  let total = lengthOf(response);
  let loaded = 0;
  const reader = response.body?.getReader();
  try {
    for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
      loaded += part.value.length;
      // A proxy may compress without saying so; a total that proves wrong is no total.
      if (total !== undefined && loaded > total) total = undefined;
      onProgress?.(loaded, total);
      take(part.value);
    }
  } catch (error) {
    throwIfAborted(signal);
    throw causedBy(
      error,
      new DownloadError(
        'truncated',
        `The transfer of ${what} from ${url} broke off (${clause(error)}). Try again.`,
      ),
    );
  }
  // Another origin may hide that it compresses, and its length then proves nothing.
  if (response.type === 'basic' && total !== undefined && loaded < total) {
    throw new DownloadError(
      'truncated',
      `Only ${loaded} of ${total} bytes of ${what} arrived from ${url}. Try again.`,
    );
  }
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
  const stripped = new URL(url);
  stripped.hash = stripped.username = stripped.password = '';
  // Other requests may be blocked meanwhile. After a redirect all that is told is the origin.
  const isThis = (url: unknown) => url === stripped.href || url === stripped.origin;
  const blocked = (event: Event) => {
    if (isThis((event as SecurityPolicyViolationEvent).blockedURI)) why = 'csp';
  };
  globalThis.addEventListener?.('securitypolicyviolation', blocked);
  // On a cross-origin isolated page the question below may be blocked too; this tells.
  const Observer = (globalThis as unknown as { ReportingObserver?: ReportWatcher })
    .ReportingObserver;
  const told = (reports: Told[]) => {
    // Chromium says it no other way.
    if (reports.some((report) => isThis(report.toJSON().body.blockedURL))) why ??= 'cors';
  };
  const observer = Observer && new Observer(told, { types: ['coep'] });
  observer?.observe();
  try {
    // Without asking to read the answer: whether there is one.
    await fetch(url, { method: 'HEAD', mode: 'no-cors', signal });
    if (new URL(url).origin !== globalThis.location?.origin) why ??= 'cors';
  } catch {
    await new Promise((resolve) => setTimeout(resolve, REPORT_DELAY));
  }
  globalThis.removeEventListener?.('securitypolicyviolation', blocked);
  observer?.disconnect();
  return why ?? 'network';
}

interface Told {
  toJSON(): { body: { blockedURL?: string } };
}

type ReportWatcher = new (
  callback: (reports: Told[]) => void,
  options: { types: string[] },
) => { observe(): void; disconnect(): void };

function lengthOf(response: Response): number | undefined {
  if (response.headers.get('content-encoding')) return undefined;
  const length = Number(response.headers.get('content-length') ?? NaN);
  return Number.isInteger(length) && length > 0 ? length : undefined;
}
