// Encoded pictures to pixels outside of browsers, by sharp, which the user installs: it has libjpeg-turbo,
// libspng, libwebp and the rest, as browsers do, and gives what they give.

import { causedBy, messageOf } from './cause.js';
import * as web from './decode.js';
import { PictureError } from './errors.js';
import type { Picture } from './protocol.js';

export type { Pixels } from './decode.js';

type Encoded = Picture & { kind: 'blob' };
type Sharp = typeof import('sharp').default;

let loading: Promise<Sharp> | undefined;

/** Named where bundlers do not look: it is installed or not. */
const NAME = 'sharp';

async function load(): Promise<Sharp> {
  try {
    const found = await import(/* webpackIgnore: true */ /* @vite-ignore */ NAME);
    return found.default;
  } catch (error) {
    loading = undefined;
    throw causedBy(
      error,
      new PictureError(
        'undecodable',
        `Encoded pictures are decoded by the package sharp here, which could not be loaded (${firstLine(error)}). Install it (npm install sharp), or give pixels as { data, width, height }.`,
      ),
    );
  }
}

const begun = new WeakMap<Picture, Promise<Picture>>();

/** Begins with a picture when it arrives, beside what is computed of the one before. */
export function decodeAhead(picture: Picture | undefined): void {
  if (picture?.kind !== 'blob') return;
  const work = decode(picture);
  work.catch(() => {}); // Told where it is asked for.
  begun.set(picture, work);
}

export const readPixels: typeof web.readPixels = async (picture, view) => {
  if (picture.kind !== 'blob') return web.readPixels(picture, view);
  return web.readPixels(await (begun.get(picture) ?? decode(picture)), view);
};

async function decode({ blob, name }: Encoded): Promise<Picture> {
  if (blob.size === 0) throw new PictureError('empty', `${name} is empty (0 bytes).`);
  const sharp = await (loading ??= load());
  const bytes = new Uint8Array(await blob.arrayBuffer());
  try {
    // How large a picture may be is said here as in a browser, and not by sharp.
    const options = { ignoreIcc: true, limitInputPixels: false } as const;
    const about = await sharp(bytes, options).metadata();
    web.assertSize(about, name);
    // As browsers do here: turned upright by EXIF, the numbers as they are in the file.
    const upright = sharp(bytes, options).rotate();
    const inks = about.space === 'cmyk';
    const { data, info } = await (
      inks
        ? upright.pipelineColourspace('cmyk').toColourspace('cmyk')
        : upright.toColourspace('srgb').ensureAlpha()
    )
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const rgba = inks ? withoutInks(data) : new Uint8Array(data);
    return { kind: 'pixels', rgba, width: info.width, height: info.height, name };
  } catch (error) {
    if (error instanceof PictureError) throw error;
    const type = blob.type ? ` (${blob.type})` : '';
    throw causedBy(
      error,
      new PictureError(
        'undecodable',
        `${name}${type} is not a picture that sharp can decode (${firstLine(error)}): it may be damaged, or of another type.`,
      ),
    );
  }
}

/** Cyan, magenta, yellow and black to RGBA, by the arithmetic of browsers, which heed no colour profile here. */
function withoutInks(inks: Uint8Array): Uint8Array {
  const rgba = new Uint8Array(inks.length);
  for (let at = 0; at < inks.length; at += 4) {
    const light = 255 - inks[at + 3]!;
    for (let i = at; i < at + 3; i++) rgba[i] = ((255 - inks[i]!) * light) / 255;
    rgba[at + 3] = 255;
  }
  return rgba;
}

function firstLine(error: unknown): string {
  return messageOf(error).split('\n', 1)[0]!;
}
