// A model's bytes into the worker: given, from this device, or downloaded and checked; and onto
// this device once the network built from them has proved that they are a model.

import { forget, recall, store } from './cache.js';
import { DownloadError, clause } from './errors.js';
import { download } from './fetch.js';
import type { ModelOrigin, Progress } from './options.js';
import type { ModelSource } from './protocol.js';

export type Report = (progress: Progress) => void;

export interface Loaded {
  bytes: Uint8Array<ArrayBuffer>;
  origin: ModelOrigin;
}

export async function readModel(source: ModelSource, report: Report): Promise<Loaded> {
  const { sha256 } = source;
  const whole = ({ length }: Uint8Array) =>
    report({ stage: 'model', loaded: length, total: length });
  if ('blob' in source) {
    const bytes = new Uint8Array(await source.blob.arrayBuffer());
    whole(bytes);
    await check(bytes, sha256, 'The given model file');
    const note = 'The model was given as a file.';
    return { bytes, origin: { from: 'given', bytes: bytes.length, sha256, stored: false, note } };
  }
  const { url, cache, expected } = source;
  const promised = expected?.bytes;
  const kept = cache ? await recall(url, sha256).catch(() => undefined) : undefined;
  if (kept) {
    whole(kept);
    const note = 'The model was stored on this device.';
    return {
      bytes: kept,
      origin: { from: 'cache', url, bytes: kept.length, sha256, stored: true, note },
    };
  }
  const bytes = await download({
    url,
    what: 'the model',
    onProgress: (loaded, total) => {
      // The registry knows what a server that compresses does not say.
      if (promised && loaded <= promised) total ??= promised;
      report({ stage: 'model', loaded, total });
    },
  });
  await check(bytes, sha256, `What came from ${url}`);
  const note = 'The model was downloaded.';
  return {
    bytes,
    origin: { from: 'network', url, bytes: bytes.length, sha256, stored: false, note },
  };
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

async function check(
  bytes: Uint8Array<ArrayBuffer>,
  wanted: string | undefined,
  what: string,
): Promise<void> {
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
