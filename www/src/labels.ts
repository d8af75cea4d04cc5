// Class names from wherever a caller has them, as the JSON that the worker takes. What the JSON
// means is decided in Rust.

import { OptionError } from './errors.js';
import { download } from './fetch.js';
import { quote, type LabelSource } from './options.js';

export async function readLabels(
  labels: LabelSource | undefined,
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (labels === undefined) return undefined;
  if (typeof labels === 'string' || labels instanceof URL) {
    const url = new URL(labels, globalThis.document?.baseURI ?? globalThis.location?.href).href;
    const bytes = await download({ url, what: 'the labels', signal });
    return checked(new TextDecoder().decode(bytes), url);
  }
  if (labels instanceof Blob) {
    return checked(await labels.text(), 'name' in labels ? quote(labels.name) : 'The labels file');
  }
  if (typeof labels === 'object' && labels !== null) return JSON.stringify(labels);
  throw new OptionError(
    `Cannot read labels from ${quote(labels)}. Give an address or file of JSON, a list of names, or an object.`,
  );
}

function checked(json: string, name: string): string {
  try {
    JSON.parse(json);
    return json;
  } catch {
    throw new OptionError(`${name} is no JSON. Give a list of names or an object.`);
  }
}
