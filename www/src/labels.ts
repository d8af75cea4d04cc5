// Class names from wherever a caller has them, as the JSON that the worker takes. What the JSON
// means is decided in Rust.

import { abortable } from './abortable.js';
import { addressOf } from './address.js';
import { causedBy, clause, throwIfAborted } from './cause.js';
import { OptionError } from './errors.js';
import { download } from './fetch.js';
import { quote, type LabelSource } from './options.js';

export async function readLabels(
  labels: LabelSource | undefined,
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (labels === undefined) return undefined;
  if (typeof labels === 'string' || labels instanceof URL) {
    const url = addressOf(labels)?.href;
    if (!url) throw notLabels(labels);
    const bytes = await download({ url, what: 'the labels', signal });
    return checked(new TextDecoder().decode(bytes), url);
  }
  if (labels instanceof Blob) {
    const name = 'name' in labels ? quote(labels.name) : 'The labels file';
    const json = await abortable(labels.text(), signal).catch((error: unknown) => {
      throwIfAborted(signal);
      throw causedBy(
        error,
        new OptionError(
          `${name} cannot be read (${clause(error)}): it was probably changed or taken away since it was chosen. Choose it again.`,
        ),
      );
    });
    return checked(json, name);
  }
  // Of a Map or the like, JSON would keep nothing.
  if (!Array.isArray(labels) && String(labels) !== '[object Object]') throw notLabels(labels);
  try {
    return JSON.stringify(labels);
  } catch (error) {
    throw causedBy(
      error,
      new OptionError(`The labels cannot be written as JSON (${clause(error)}).`),
    );
  }
}

function notLabels(labels: unknown): OptionError {
  return new OptionError(
    `Cannot read labels from ${quote(labels)}. Give an address or file of JSON, a list of names, or an object.`,
  );
}

function checked(json: string, name: string): string {
  try {
    JSON.parse(json);
    return json;
  } catch (error) {
    throw causedBy(
      error,
      new OptionError(`${name} is no JSON. Give a list of names or an object.`),
    );
  }
}
