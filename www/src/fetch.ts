// Downloads that say how far they are and what went wrong. Used by the worker for the model and
// the WebAssembly, by the page for pictures given by address.

import { DownloadError, clause } from './errors.js';

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
    throw new DownloadError(
      'network',
      `Could not reach ${what} at ${url} (${clause(error)}). Check the address, the connection and whether that server allows this page to read it.`,
    );
  }
  if (!response.ok) {
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
  const body = response.body?.pipeThrough(counter(url, what, total, signal, onProgress));
  return new Response(body ?? null, { headers: { 'content-type': type } });
}

/** The whole file. */
export async function download(request: Download): Promise<Uint8Array<ArrayBuffer>> {
  const response = await open(request);
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    request.signal?.throwIfAborted();
    if (error instanceof DownloadError) throw error;
    throw new DownloadError(
      'truncated',
      `The transfer of ${request.what} from ${request.url} broke off (${clause(error)}). Try again.`,
    );
  }
}

function lengthOf(response: Response): number | undefined {
  if (response.headers.get('content-encoding')) return undefined;
  const length = Number(response.headers.get('content-length') ?? NaN);
  return Number.isInteger(length) && length > 0 ? length : undefined;
}

function counter(
  url: string,
  what: string,
  total: number | undefined,
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
      if (total !== undefined && loaded < total) {
        throw new DownloadError(
          'truncated',
          `Only ${loaded} of ${total} bytes of ${what} arrived from ${url}. Try again.`,
        );
      }
    },
  });
}
