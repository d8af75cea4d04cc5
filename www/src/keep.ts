// A model's bytes into the worker: given, from this device, or downloaded and checked; and onto
// this device once the network built from them has proved that they are a model.

import { forget, recall, store } from './cache.js';
import { DownloadError, ModelError, clause } from './errors.js';
import { download } from './fetch.js';
import type { ModelInfo, ModelOrigin, Progress } from './options.js';
import type { ModelSource } from './protocol.js';

export type Report = (progress: Progress) => void;

export interface Loaded {
  bytes: Uint8Array<ArrayBuffer>;
  origin: ModelOrigin;
}

/**
 * How far a published file's size may be from the registry's, which has that of the numbers alone
 * where the file's is not published.
 */
const SIZE_TOLERANCE = 0.02;

export async function readModel(source: ModelSource, report: Report): Promise<Loaded> {
  const { sha256 } = source;
  const whole = ({ length }: Uint8Array) =>
    report({ stage: 'model', loaded: length, total: length });
  if ('blob' in source) {
    const bytes = new Uint8Array(await source.blob.arrayBuffer());
    whole(bytes);
    await check(bytes, source, 'The given model file');
    const note = 'The model was given as a file.';
    return { bytes, origin: { from: 'given', bytes: bytes.length, sha256, stored: false, note } };
  }
  const { url, cache, expected } = source;
  const origin = { url, sha256 };
  const kept = cache ? await recallGood(url, source) : undefined;
  if (kept) {
    whole(kept);
    const note = 'The model was stored on this device.';
    return {
      bytes: kept,
      origin: { ...origin, from: 'cache', bytes: kept.length, stored: true, note },
    };
  }
  const promised = expected?.bytes;
  const bytes = await download({
    url,
    what: 'the model',
    onProgress: (loaded, total) => {
      // The registry knows what a server that compresses does not say.
      if (promised && loaded <= promised) total ??= promised;
      report({ stage: 'model', loaded, total });
    },
  });
  await check(bytes, source, `What came from ${url}`);
  const note = 'The model was downloaded.';
  return {
    bytes,
    origin: { ...origin, from: 'network', bytes: bytes.length, stored: false, note },
  };
}

/** What is stored, unless it is not, or no longer, the wanted file: that is forgotten. */
async function recallGood(
  url: string,
  source: ModelSource,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const kept = await recall(url).catch(() => undefined);
  if (!kept) return undefined;
  try {
    await check(kept, source, 'What is stored');
    return kept;
  } catch {
    await forget(url).catch(() => {});
    return undefined;
  }
}

/** Stores a downloaded model that works, where that was asked for and the browser lets it. */
export async function keep(
  bytes: Uint8Array<ArrayBuffer>,
  origin: ModelOrigin,
  source: ModelSource,
): Promise<ModelOrigin> {
  if ('blob' in source || !source.cache || origin.from !== 'network') return origin;
  try {
    await store(source.url, bytes, origin.sha256);
    return { ...origin, stored: true, note: 'The model was downloaded and stored on this device.' };
  } catch (error) {
    const note = `The model was downloaded and could not be stored on this device (${clause(error)}): it stays in memory only.`;
    return { ...origin, note };
  }
}

/** Forgets a stored file that proved unusable, so that the next attempt downloads it. */
export async function discard({ from, url }: ModelOrigin): Promise<void> {
  if (from === 'cache') await forget(url).catch(() => {});
}

/** Throws if the network is not the one that the registry describes. */
export function assertPromised(source: ModelSource, { architecture, classes }: ModelInfo): void {
  const expected = 'url' in source ? source.expected : undefined;
  if (!expected) return;
  const found = `${architecture} with ${classes} classes`;
  const wanted = `${expected.architecture ?? architecture} with ${expected.classes} classes`;
  if (found !== wanted) throw wrongModel(source, `${found}, not ${wanted}`);
}

function wrongModel(source: ModelSource, what: string): ModelError {
  const [url, title] = 'url' in source ? [source.url, source.expected?.title] : [];
  return new ModelError(
    `What came from ${url} is not “${title}”: it is ${what}. Nothing of it was kept.`,
    'wrong-model',
  );
}

/** Throws if these bytes are not the wanted file. */
async function check(bytes: Uint8Array<ArrayBuffer>, source: ModelSource, what: string) {
  const expected = 'url' in source ? source.expected?.bytes : undefined;
  if (expected && Math.abs(bytes.length - expected) > SIZE_TOLERANCE * expected) {
    throw wrongModel(source, `${bytes.length} bytes long, not ${expected}`);
  }
  const { sha256: wanted } = source;
  if (!wanted) return;
  if (!globalThis.crypto?.subtle) {
    throw new DownloadError(
      'hash-mismatch',
      'Browsers compute a SHA-256 only for pages on https:// or localhost. Open this page there.',
    );
  }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const found = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  if (found !== wanted) {
    throw new DownloadError(
      'hash-mismatch',
      `${what} is not the expected file: its SHA-256 is ${found}, not ${wanted}. Nothing of it was kept.`,
    );
  }
}
