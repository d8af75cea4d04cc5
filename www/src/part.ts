// The part of a picture that is looked at, in whole pixels, and pixels turned by quarters: copies,
// never mixtures, so that what Rust resizes is what was in the picture.

import type { Pixels } from './decode.js';
import { OptionError } from './errors.js';
import type { View } from './view.js';

export interface Part {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** The part of a picture of this size; all of it without a region. */
export function partOf({ region }: View, width: number, height: number): Part {
  if (!region) return { left: 0, top: 0, width, height };
  const [across, down] = region.unit === 'shares' ? [width, height] : [1, 1];
  const [left, right] = edges(region.x * across, region.width * across);
  const [top, bottom] = edges(region.y * down, region.height * down);
  if (right > width || bottom > height) {
    throw new OptionError(
      `region reaches to ${right} × ${bottom}, and the picture is ${width} × ${height} pixels. Give a part of it.`,
    );
  }
  return { left, top, width: right - left, height: bottom - top };
}

/** Whole pixels, at least one. */
function edges(from: number, length: number): [number, number] {
  const start = Math.round(from);
  const end = Math.round(from + length);
  if (end > start) return [start, end];
  const only = Math.floor(from);
  return [only, only + 1];
}

/** The part of pixels. */
export function cut({ rgba, width, height }: Pixels, part: Part): Pixels {
  if (part.width === width && part.height === height) return { rgba, width, height };
  const row = 4 * part.width;
  const out = new Uint8Array(row * part.height);
  for (let y = 0; y < part.height; y++) {
    const start = 4 * ((part.top + y) * width + part.left);
    out.set(rgba.subarray(start, start + row), y * row);
  }
  return { rgba: out, width: part.width, height: part.height };
}

/** Turned clockwise by quarters. */
export function turned({ rgba, width, height }: Pixels, turns: number): Pixels {
  if (turns === 0) return { rgba, width, height };
  const pixels = new Uint32Array(rgba.buffer, rgba.byteOffset, width * height);
  const out = new Uint32Array(pixels.length);
  const [across, down] = turns === 2 ? [width, height] : [height, width];
  // Where the pixel at the left of the first row comes from, and how far the next ones lie apart.
  const [first, right, below] = {
    1: [width * (height - 1), -width, 1],
    2: [pixels.length - 1, -1, -width],
    3: [width - 1, width, -1],
  }[turns] as [number, number, number];
  for (let y = 0, at = 0; y < down; y++) {
    for (let x = 0, from = first + y * below; x < across; x++, from += right) {
      out[at++] = pixels[from]!;
    }
  }
  return { rgba: new Uint8Array(out.buffer), width: across, height: down };
}
