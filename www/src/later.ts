// The way to what is fetched only when it is asked for.

import { causedBy, clause } from './cause.js';
import { DownloadError } from './errors.js';
import type { Explanation } from './options.js';
import type { OverlayOptions } from './overlay.js';

/** @internal */
export async function more(): Promise<typeof import('./more.js')> {
  try {
    return await import('./more.js');
  } catch (error) {
    throw causedBy(
      error,
      new DownloadError(
        'network',
        `A part of the package, more.js, could not be loaded (${clause(error)}). Serve the whole package as it is, all of one version; then load the page again.`,
      ),
    );
  }
}

/**
 * One file, as `create` takes it, of those that were chosen or dropped together: TensorFlow.js's
 * model.json and its shards, or the only one that came.
 */
export async function packFiles(files: Iterable<File>): Promise<File> {
  const given = [...files]; // A picker's list changes with the next choice.
  return (await more()).packFiles(given);
}

/**
 * What `explain` answered as a picture to lay over that picture, stretched to its size: clear where the picture
 * speaks for the class, dark where nothing does and where the network saw nothing.
 */
export async function overlay(
  explanation: Explanation,
  options: OverlayOptions = {},
): Promise<ImageData> {
  return (await more()).overlay(explanation, options);
}
