// Encoded pictures to pixels outside of browsers, by sharp, which the user installs: it has libjpeg-turbo,
// libspng, libwebp and the rest, as browsers do, and gives what they give.

import { messageOf } from './cause.js';
import { PictureError } from './errors.js';
import type { Picture } from './protocol.js';

type Encoded = Picture & { kind: 'blob' };
type Sharp = typeof import('sharp').default;

/** As in a browser. */
const MAX_PIXELS = 100_000_000;

let loading: Promise<Sharp> | undefined;

/** Named where bundlers do not look: it is installed or not. */
const NAME = 'sharp';

async function load(): Promise<Sharp> {
  try {
    const found = await import(/* webpackIgnore: true */ /* @vite-ignore */ NAME);
    return found.default;
  } catch (error) {
    loading = undefined;
    throw new PictureError(
      'undecodable',
      `Encoded pictures are decoded by the package sharp here, which could not be loaded (${messageOf(error).split('\n')[0]}). Install it (npm install sharp), or give pixels as { data, width, height }.`,
    );
  }
}

export async function readPicture({ blob, name }: Encoded): Promise<Picture> {
  if (blob.size === 0) throw new PictureError('empty', `${name} is empty (0 bytes).`);
  const sharp = await (loading ??= load());
  const bytes = new Uint8Array(await blob.arrayBuffer());
  try {
    // As browsers do here: turned upright by EXIF, the numbers as they are in the file.
    const { data, info } = await sharp(bytes, { ignoreIcc: true, limitInputPixels: MAX_PIXELS })
      .rotate()
      .toColourspace('srgb')
      .ensureAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const rgba = new Uint8Array(data);
    return { kind: 'pixels', rgba, width: info.width, height: info.height, name };
  } catch (error) {
    const type = blob.type ? ` (${blob.type})` : '';
    throw new PictureError(
      'undecodable',
      `${name}${type} is not a picture that sharp can decode (${messageOf(error).split('\n')[0]}): it may be damaged, of another type, or of more than ${MAX_PIXELS / 1e6} million pixels.`,
    );
  }
}
