// A model's bytes once more, long after the network was built of them: to write the file of what was taught.

import { ModelError } from './errors.js';
import { readModel } from './keep.js';
import type { ModelSource } from './protocol.js';

/** Bytes of a model that is kept as it is, since fetching it again costs more than keeping it; larger ones are read again. */
const KEPT = 16 << 20;

/** Every so many bytes one is remembered, to know the file again. A prime: tensors lie at round places. */
const STRIDE = 61;

export class Again {
  readonly #source: ModelSource;
  /** As a Blob the browser may hold it outside of this worker's memory. */
  #kept: Blob | undefined;
  #fingerprint = 0;

  constructor(source: ModelSource) {
    this.#source = source;
  }

  /** Call with the bytes that the network was built of. */
  remember(bytes: Uint8Array<ArrayBuffer>): void {
    this.#fingerprint = fingerprint(bytes);
    if (!('blob' in this.#source) && bytes.length <= KEPT) this.#kept = new Blob([bytes]);
  }

  get kept(): Blob | undefined {
    return this.#kept;
  }

  async bytes(): Promise<Uint8Array> {
    if (this.#kept) return new Uint8Array(await this.#kept.arrayBuffer());
    const { bytes } = await readModel(this.#source, () => {});
    if (fingerprint(bytes) === this.#fingerprint) return bytes;
    throw new ModelError(
      'The model’s file has changed since it was loaded, and what was taught is for the old one. Create a new classifier and teach again.',
      'wrong-model',
    );
  }
}

/** FNV-1a of some of the bytes: two files of trained numbers differ in nearly all of them. */
function fingerprint(bytes: Uint8Array): number {
  let hash = 0x811c9dc5 ^ bytes.length;
  for (let at = 0; at < bytes.length; at += STRIDE) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash;
}
