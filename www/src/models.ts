// Which models there are, which of them this device keeps, and where each one's bytes are.

import { addressOf } from './address.js';
import { forget, list, reopen, type CachedModel } from './cache.js';
import { causedBy, clause } from './cause.js';
import { DownloadError, OptionError } from './errors.js';
import { download, open } from './fetch.js';
import { more, packFiles } from './later.js';
import { isList, quote, type CreateOptions } from './options.js';
import type { ModelSource } from './protocol.js';
import { checkWhere } from './start.js';

/** What a model's file holds its numbers in; `q8` is int8 with scales. */
export type Dtype = 'f32' | 'f16' | 'bf16' | 'q8';

/** What is known of a model before its download. */
export interface ModelDescription {
  /** Where its file is. */
  url: string;
  /** Absent where its host does not say. */
  bytes?: number;
  /** Of safetensors and of the registry's. */
  dtype?: Dtype;
  /** To which a download is held. */
  sha256?: string;
  /** Whether this device keeps it. */
  stored: boolean;
}

/** A model that `create` takes by its id. */
export interface RegistryModel {
  id: string;
  title: string;
  url: string;
  /** Where its publishers describe it. */
  page?: string;
  /** Of the file; of its numbers alone, a little less, where the file's size is not published. */
  bytes: number;
  dtype: Dtype;
  /** Checked when given. */
  sha256?: string;
  /** As published; browsers cannot check it. */
  md5?: string;
  licence: string;
  /** As published: shares of pictures, and of which set; absent where nobody has. */
  accuracy?: { on: string; top1: number; top5: number };
  /** What pictures it is for, in a sentence. */
  hint?: string;
  /** As `info.model.architecture` names it. */
  architecture?: string;
  classes: number;
  /** The side of the square that the network sees, in pixels. */
  inputSize: number;
  parameters?: number;
}

/** Asked for once in a page's life and a place: a stored model then needs no list to be found. */
const registries = new Map<string | undefined, RegistryModel[]>();

async function registryOf(assetBase?: string, signal?: AbortSignal): Promise<RegistryModel[]> {
  const registry = registries.get(assetBase) ?? (await fetchRegistry(assetBase, signal));
  registries.set(assetBase, registry);
  return registry;
}

async function fetchRegistry(assetBase?: string, signal?: AbortSignal): Promise<RegistryModel[]> {
  const url = assetBase
    ? new URL('models/registry.json', assetBase).href
    : new URL('./models/registry.json', import.meta.url).href;
  const json = await download({ url, what: 'the list of models', signal });
  let found: RegistryModel[];
  try {
    found = JSON.parse(new TextDecoder().decode(json));
  } catch (error) {
    throw causedBy(
      error,
      new DownloadError(
        'truncated',
        `What came for the list of models from ${url} is no JSON (${clause(error)}). Serve the package’s own files as they are.`,
      ),
    );
  }
  return found.map((model) => ({
    ...model,
    url: isPublished(model) ? model.url : bundled(model.id, assetBase),
  }));
}

/** The models one can have, and those that this device keeps. Asks no other host for anything. */
export const models = {
  /** The bundled models, the default first, then published ones. `assetBase` as for `create`. */
  async list(signal?: AbortSignal, assetBase?: string | URL): Promise<RegistryModel[]> {
    return structuredClone(await registryOf(checkWhere({ assetBase }).assetBase, signal));
  },

  /**
   * What is known of a model that `create` takes by name or address, before its download. A name on the hub
   * asks the hub; an address is asked for the beginning of its file; a model of the registry asks nobody.
   */
  async describe(
    model: string | URL,
    { signal, assetBase }: { signal?: AbortSignal; assetBase?: string | URL } = {},
  ): Promise<ModelDescription> {
    const base = checkWhere({ assetBase }).assetBase;
    const source = await modelSource(model, { assetBase: base }, signal);
    if ('blob' in source) throw new OptionError('A model that is given is here already.');
    const known = (await registryOf(base, signal)).find(({ url }) => url === source.url);
    const stored = (await list()).some(({ url }) => url === source.url);
    const { describe } = await more();
    // What is kept here is not asked for again.
    const opened = async () =>
      (stored && (await reopen(source.url))) ||
      open({ url: source.url, what: 'the model', signal });
    return { ...(await describe({ ...source, ...known }, opened)), stored };
  },

  /** What `create` has stored on this device. */
  cached: (): Promise<CachedModel[]> => list(),

  /** Removes one stored model by its address, or all. */
  clear: (url?: string): Promise<void> => forget(url),
};

/**
 * What the worker is to read. A registry id costs a request here, to this package's files; a name on
 * the hub costs two, to the hub.
 * @internal
 */
export async function modelSource(
  model: CreateOptions['model'],
  { cache, sha256, assetBase }: { cache?: boolean; sha256?: string; assetBase?: string },
  signal?: AbortSignal,
): Promise<ModelSource> {
  if (model === undefined)
    return { url: bundled(undefined, assetBase), cache: cache ?? false, sha256 };
  if (model instanceof Blob) return { blob: model, sha256 };
  if (model instanceof ArrayBuffer) return { blob: new Blob([model]), sha256 };
  if (model instanceof Uint8Array) {
    return { blob: new Blob([model as Uint8Array<ArrayBuffer>]), sha256 };
  }
  const files = isList(model) ? [...model] : undefined;
  if (files?.every((file) => file instanceof File)) {
    if (sha256 && files.length > 1) {
      throw new OptionError('A sha256 is that of one file, and several were given. Leave it out.');
    }
    return { blob: await packFiles(files), sha256 };
  }
  const name = typeof model === 'string' ? onHub(model) : undefined;
  if (name !== undefined) {
    const { findOnHub } = await more();
    const found = await findOnHub(name, download, signal);
    return { ...found, cache: cache ?? false, sha256: sha256 ?? ifHashed(found.sha256) };
  }
  if (typeof model === 'string' && isId(model)) {
    const known = await registryOf(assetBase, signal);
    const found = known.find(({ id }) => id === model);
    if (!found) {
      const ids = known.map(({ id }) => id).join(', ');
      throw new OptionError(
        `There is no model called "${model}". Choose one of ${ids}, or give a file’s address as "./${model}".`,
      );
    }
    const published = isPublished(found, assetBase);
    // The bundled file carries its own digest, which the network's builder checks.
    const digest = published ? ifHashed(found.sha256) : undefined;
    const { url, title, bytes, architecture, classes } = found;
    const expected = published ? { title, bytes, architecture, classes } : undefined;
    return { url, cache: cache ?? published, sha256: sha256 ?? digest, expected };
  }
  if (typeof model === 'string' || model instanceof URL) {
    const url = addressOf(model)?.href;
    if (url) return { url, cache: cache ?? false, sha256 };
  }
  throw new OptionError(
    `Cannot load a model from ${quote(model)}. Give a registry id, hf:USER/REPO, its address, or the file as a Blob, ArrayBuffer or Uint8Array; of a model of several files, a list of them.`,
  );
}

const MODEL_FILE = /\.(safetensors|h5|hdf5|keras|pth|pt|ckpt|bin|json)$/i;

function isId(text: string): boolean {
  return !/[/:]/.test(text) && !MODEL_FILE.test(text);
}

/** A name on the hub: `hf:` and more, or timm's own names, as timm writes them. */
function onHub(text: string): string | undefined {
  if (text.startsWith('hf:')) return text;
  return /^timm\/[\w.-]+(@.+)?$/.test(text) && !MODEL_FILE.test(text) ? `hf:${text}` : undefined;
}

/** A digest that the caller did not ask for is no reason to refuse where browsers compute none. */
function ifHashed(sha256: string | undefined): string | undefined {
  return globalThis.crypto?.subtle ? sha256 : undefined;
}

function isPublished({ id, url }: RegistryModel, assetBase?: string): boolean {
  return url.startsWith('https://') && url !== bundled(id, assetBase);
}

/** Each address in one expression, so that bundlers find the files. */
function bundled(id?: string, assetBase?: string): string {
  if (assetBase) return new URL(`models/${id ?? 'photos'}.safetensors`, assetBase).href;
  return id === 'drawings'
    ? new URL('./models/drawings.safetensors', import.meta.url).href
    : new URL('./models/photos.safetensors', import.meta.url).href;
}
