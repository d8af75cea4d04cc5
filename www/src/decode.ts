// Pictures to pixels, in the worker. Nothing is resampled here: every pixel is resized, cropped
// and normalised in Rust, for every caller alike.

import { causedBy } from './cause.js';
import { PictureError, tainted } from './errors.js';
import { cut, partOf, turned } from './part.js';
import type { Picture } from './protocol.js';
import type { View } from './view.js';

export interface Pixels {
  /** Straight alpha. */
  rgba: Uint8Array;
  width: number;
  height: number;
}

/** What every current browser's canvas can be wide. */
const MAX_SIDE = 16384;
/** 400 MB of RGBA; the copy inside WebAssembly doubles it. */
const MAX_PIXELS = 100_000_000;
/** Read in strips: whole canvases are limited to 16.7 million pixels on phones. */
const STRIP_PIXELS = 4_194_304;

/** What is looked at of a picture, the way up that it is to be looked at. */
export async function readPixels(picture: Picture, view: View): Promise<Pixels> {
  return turned(await readPart(picture, view), view.turns);
}

async function readPart(picture: Picture, view: View): Promise<Pixels> {
  if (picture.kind === 'pixels') {
    assertSize(picture, picture.name);
    return cut(picture, partOf(view, picture.width, picture.height));
  }
  const bitmap = picture.kind === 'bitmap' ? picture.bitmap : await decode(picture);
  try {
    return copy(bitmap, picture.name, view);
  } catch (error) {
    throw error instanceof DOMException && error.name === 'SecurityError' ? tainted() : error;
  } finally {
    bitmap.close();
  }
}

async function decode({ blob, name }: Picture & { kind: 'blob' }): Promise<ImageBitmap> {
  if (blob.size === 0) throw new PictureError('empty', `${name} is empty (0 bytes).`);
  try {
    // Turned upright by default; saying so is an error in browsers that were made before there was a choice.
    return await createImageBitmap(blob, {
      premultiplyAlpha: 'none',
      colorSpaceConversion: 'none',
    });
  } catch (error) {
    const type = blob.type ? ` (${blob.type})` : '';
    throw causedBy(
      error,
      new PictureError(
        'undecodable',
        `${name}${type} is not a picture that this browser can decode: it may be damaged, or of another type. PNG, JPEG, WebP, GIF, BMP and SVG work everywhere, AVIF in most browsers.`,
      ),
    );
  }
}

/** A frame's pixels need not be square: what counts is how it is shown. */
function sizeOf(bitmap: ImageBitmap | VideoFrame): { width: number; height: number } {
  return 'displayWidth' in bitmap
    ? { width: bitmap.displayWidth, height: bitmap.displayHeight }
    : bitmap;
}

export function assertSize(
  { width, height }: { width: number; height: number },
  name: string,
): void {
  if (width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PIXELS) {
    throw new PictureError(
      'too-large',
      `${name} is ${width} × ${height} pixels. At most ${MAX_SIDE} on a side and ${MAX_PIXELS / 1e6} million in all can be read: make it smaller first.`,
    );
  }
}

function copy(bitmap: ImageBitmap | VideoFrame, name: string, view: View): Pixels {
  const whole = sizeOf(bitmap);
  const { left, top: above, width, height } = partOf(view, whole.width, whole.height);
  assertSize({ width, height }, name);
  const rows = Math.min(height, Math.max(1, Math.floor(STRIP_PIXELS / width)));
  const canvas = new OffscreenCanvas(width, rows);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) {
    throw new PictureError('too-large', `${name}: the browser has no memory left to read it.`);
  }
  context.globalCompositeOperation = 'copy';
  context.imageSmoothingEnabled = false;
  const rgba = new Uint8Array(width * height * 4);
  for (let top = 0; top < height; top += rows) {
    const strip = Math.min(rows, height - top);
    context.drawImage(bitmap, left, above + top, width, strip, 0, 0, width, strip);
    rgba.set(context.getImageData(0, 0, width, strip).data, top * width * 4);
  }
  return { rgba, width, height };
}
