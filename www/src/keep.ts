// A model's bytes into the worker: given, from this device, or downloaded and checked; and onto
// this device once the network built from them has proved that they are a model.

import { forget, recall, store, type Kept } from './cache.js';
import { clause } from './cause.js';
import { DownloadError, ModelError, OptionError } from './errors.js';
import { download } from './fetch.js';
import type { ModelInfo, ModelOrigin, Progress } from './options.js';
import type { ModelSource } from './protocol.js';
import { addressOfShard, archive, bytesOf, shardsOf } from './shards.js';

export type Report = (progress: Progress) => void;

export interface Loaded {
  bytes: Uint8Array<ArrayBuffer>;
  origin: ModelOrigin;
  /** Of the bytes, where it is checked or to be kept. */
  sha256?: string;
}

/**
 * How far a published file's size may be from the registry's, which has that of the numbers alone
 * where the file's is not published.
 */
const SIZE_TOLERANCE = 0.02;

export async function readModel(source: ModelSource, report: Report): Promise<Loaded> {
  if (source.sha256 && !hashes()) {
    throw new DownloadError(
      'unverified',
      'Browsers compute a SHA-256 only for pages on https:// or localhost. Open this page there, or give no sha256.',
    );
  }
  const whole = ({ length }: Uint8Array) =>
    report({ stage: 'model', loaded: length, total: length });
  if ('blob' in source) {
    const bytes = await bytesOf(source.blob, 'The given model file');
    whole(bytes);
    const sha256 = source.sha256 && (await digest(bytes));
    assertWanted(source.sha256, sha256, 'The given model file');
    const note = 'The model was given as a file.';
    return { bytes, origin: { from: 'given', bytes: bytes.length, sha256, stored: false, note } };
  }
  const { url, cache, expected } = source;
  const kept = cache ? await recallGood(url, source) : {};
  if (kept.bytes) {
    const { bytes, sha256 } = kept;
    whole(bytes);
    const note = 'The model was stored on this device.';
    return {
      bytes,
      origin: { url, sha256, from: 'cache', bytes: bytes.length, stored: true, note },
    };
  }
  const promised = expected?.bytes ?? source.bytes;
  const first = await download({
    url,
    what: 'the model',
    onProgress: (loaded, total) => {
      // The registry and the hub know what a server that compresses does not say.
      if (promised && loaded <= promised) total ??= promised;
      report({ stage: 'model', loaded, total });
    },
  });
  const bytes = await withShards(first, source, report);
  if (!hasSize(bytes, source)) {
    throw wrongModel(source, `${bytes.length} bytes long, not ${expected?.bytes}`);
  }
  const sha256 = source.sha256 || cache ? await digest(bytes) : undefined;
  assertWanted(source.sha256, sha256, `What came from ${url}`);
  if (!source.sha256 && kept.sha256 && kept.sha256 !== sha256) {
    throw new DownloadError(
      'hash-mismatch',
      `What came from ${url} is not the file that came from there before: its SHA-256 is ${sha256}, not ${kept.sha256}. Where it has been replaced on purpose, forget the old one first, with models.clear(address).`,
    );
  }
  const note = 'The model was downloaded.';
  const checked = source.sha256 ?? kept.sha256;
  return {
    bytes,
    sha256,
    origin: { url, sha256: checked, from: 'network', bytes: bytes.length, stored: false, note },
  };
}

/** The bytes of a model that is one file; of TensorFlow.js's model.json, of an archive of it and its shards. */
async function withShards(
  first: Uint8Array<ArrayBuffer>,
  { url, sha256 }: ModelSource & { url: string },
  report: Report,
): Promise<Uint8Array<ArrayBuffer>> {
  const shards = shardsOf(first);
  if (!shards) return first;
  if (sha256) {
    throw new OptionError(
      'A SHA-256 is that of one file, and a model.json comes with shards. Give no sha256 for it.',
    );
  }
  if (/^(blob|data):/.test(url)) {
    throw new ModelError(
      'A model.json from an address of one file alone has no shards beside it. Give it and its shards as a list of files.',
    );
  }
  const parts: [string, Blob][] = [['model.json', new Blob([first])]];
  let loaded = first.length;
  const total = loaded + shards.bytes;
  for (const path of shards.paths) {
    const bytes = await download({
      url: addressOfShard(path, url),
      what: `the model’s shard ${path}`,
      onProgress: (part) => {
        const sum = loaded + part;
        report({ stage: 'model', loaded: sum, total: sum <= total ? total : undefined });
      },
    });
    loaded += bytes.length;
    parts.push([path, new Blob([bytes])]);
  }
  return new Uint8Array(await archive(parts).arrayBuffer());
}

/**
 * What is stored, where it is still what came and what is wanted now; else its digest, to which the
 * next file is held. Another file than this caller's stays: it may be the right one, and the caller wrong.
 */
async function recallGood(url: string, source: ModelSource): Promise<Kept> {
  const { bytes, sha256 } = await recall(url).catch((): Kept => ({}));
  if (!bytes) return { sha256 };
  const found = await digest(bytes);
  if (sha256 && found !== sha256) {
    await store(url, { sha256 }).catch(() => {}); // Spoilt on this device.
    return { sha256 };
  }
  if (!hasSize(bytes, source)) return {};
  return source.sha256 && found !== source.sha256 ? {} : { bytes, sha256: source.sha256 ?? sha256 };
}

/** Stores a downloaded model that works, where that was asked for and the browser lets it. */
export async function keep(
  { bytes, sha256, origin }: Loaded,
  source: ModelSource,
): Promise<ModelOrigin> {
  if ('blob' in source || !source.cache || origin.from !== 'network') return origin;
  try {
    await store(source.url, { bytes, sha256 });
    return { ...origin, stored: true, note: 'The model was downloaded and stored on this device.' };
  } catch (error) {
    await store(source.url, { sha256 }).catch(() => {});
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

/** Whether this can be the file that the registry describes. */
function hasSize({ length }: Uint8Array, source: ModelSource): boolean {
  const expected = 'url' in source ? source.expected?.bytes : undefined;
  return !expected || Math.abs(length - expected) <= SIZE_TOLERANCE * expected;
}

function assertWanted(wanted: string | undefined, found: string | undefined, what: string): void {
  if (!wanted || found === wanted) return;
  throw new DownloadError(
    'hash-mismatch',
    `${what} is not the expected file: its SHA-256 is ${found}, not ${wanted}. Nothing of it was kept.`,
  );
}

function hashes(): boolean {
  return Boolean(globalThis.crypto?.subtle);
}

/** In hex; nothing where the browser computes none. */
async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  if (!hashes()) return undefined;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
