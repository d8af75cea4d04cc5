// Models of several files: TensorFlow.js's model.json and the shards that it names, as one archive
// that the reader of Keras's files takes. What is in it is checked there.

import { causedBy, clause } from './cause.js';
import { ModelError, OptionError } from './errors.js';

/** Most shards; TensorFlow.js makes them of 4 MB. */
const MOST_SHARDS = 1000;
/** Bytes of a number, as the manifest calls it. */
const WIDTHS: Record<string, number> = { uint8: 1, bool: 1, uint16: 2, float16: 2 };

interface Weight {
  shape?: number[];
  dtype?: string;
  quantization?: { dtype?: string };
}

/** The shards that a model.json names, in order, and the bytes of all of them; nothing of another file. */
export function shardsOf(json: Uint8Array): { paths: string[]; bytes: number } | undefined {
  // The first byte tells it from every format of a single file.
  if (json[0] !== 0x7b) return undefined;
  let groups: { paths?: string[]; weights?: Weight[] }[];
  try {
    groups = JSON.parse(new TextDecoder().decode(json)).weightsManifest;
  } catch {
    return undefined;
  }
  if (!Array.isArray(groups)) return undefined;
  const paths = groups.flatMap((group) => group?.paths ?? []);
  const outside = paths.find((path) => !isInside(path));
  if (outside !== undefined || paths.length > MOST_SHARDS) {
    const why = outside === undefined ? `${paths.length} shards` : `a shard “${outside}”`;
    throw new ModelError(
      `The model.json names ${why}; it may name ${MOST_SHARDS} files in its own folder.`,
    );
  }
  const sizes = groups.flatMap((group) => group?.weights ?? []).map(sizeOf);
  return { paths, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

function sizeOf({ shape = [], dtype = '', quantization }: Weight): number {
  const width = WIDTHS[quantization?.dtype ?? dtype] ?? 4;
  return shape.reduce((product, side) => product * side, width);
}

/** Whether a path stays below the folder of its model.json. */
function isInside(path: unknown): path is string {
  const isPlain = (part: string) => !/^\.{0,2}$|[\\:\0]/.test(part);
  return typeof path === 'string' && path.split('/').every(isPlain);
}

/** Where a shard lies: beside its model.json, with the same query, as TensorFlow.js asks for it. */
export function addressOfShard(path: string, model: string): string {
  const { search } = new URL(model);
  const url = new URL(path.split('/').map(encodeURIComponent).join('/'), model);
  url.search = search;
  return url.href;
}

/**
 * One file, as `create` takes it, of those that were chosen or dropped together: TensorFlow.js's
 * model.json and its shards, or the only one that came.
 */
export async function packFiles(given: Iterable<File>): Promise<File> {
  const files = [...given];
  for (const model of files.filter(({ name }) => /\.json$/i.test(name))) {
    const shards = shardsOf(await bytesOf(model, model.name));
    if (!shards) continue;
    const parts = shards.paths.map((path): [string, File] => {
      const name = path.slice(path.lastIndexOf('/') + 1);
      const found = files.filter((file) => file.name === name);
      if (found.length === 1) return [path, found[0]!];
      const why = found.length > 1 ? `${found.length} files of that name came` : 'it did not come';
      throw new OptionError(
        `${model.name} names the shard ${path}, and ${why}. Give it and all its shards together.`,
      );
    });
    return new File([archive([['model.json', model], ...parts])], model.name);
  }
  if (files.length === 1) return files[0]!;
  const names = files.map(({ name }) => `“${name}”`).join(', ');
  throw new OptionError(
    `These files are no model together: ${names || 'none'}. Give one model file, or TensorFlow.js’s model.json with its shards.`,
  );
}

export async function bytesOf(file: Blob, name: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch (error) {
    throw causedBy(
      error,
      new ModelError(
        `${name} cannot be read (${clause(error)}): it was probably changed or taken away since it was chosen. Choose it again.`,
        'unreadable',
      ),
    );
  }
}

/** A zip archive of stored entries without checksums; what is in them is not read. */
export function archive(entries: [name: string, content: Blob][]): Blob {
  const parts: BlobPart[] = [];
  const directory: BlobPart[] = [];
  let [at, length] = [0, 0];
  for (const [name, content] of entries) {
    const bytes = new TextEncoder().encode(name);
    // What both records have from the version on: no flags, stored, no date, no checksum.
    const common: Field[] = [
      [2, 20],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, 0],
      [4, content.size],
      [4, content.size],
      [2, bytes.length],
      [2, 0],
    ];
    const local = record([[4, 0x04034b50], ...common]);
    const central = record([[4, 0x02014b50], [2, 20], ...common, [2, 0], [4, 0], [4, 0], [4, at]]);
    parts.push(local, bytes, content);
    directory.push(central, bytes);
    at += local.byteLength + bytes.length + content.size;
    length += central.byteLength + bytes.length;
  }
  const count: Field = [2, entries.length];
  const end = record([[4, 0x06054b50], [4, 0], count, count, [4, length], [4, at], [2, 0]]);
  return new Blob([...parts, ...directory, end]);
}

/** A number and its bytes. */
type Field = [width: 2 | 4, value: number];

function record(fields: Field[]): ArrayBuffer {
  const bytes = new ArrayBuffer(fields.reduce((sum, [width]) => sum + width, 0));
  const view = new DataView(bytes);
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += width;
  }
  return bytes;
}
