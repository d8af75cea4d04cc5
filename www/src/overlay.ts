// A map of places as a picture to lay over another. Arithmetic alone.

import { OptionError } from './errors.js';
import { checkCount, quote, type Explanation } from './options.js';

export interface OverlayOptions {
  /** In pixels. Default 160 each: the map has few places, and is smooth between them. */
  width?: number;
  height?: number;
  /** How dark it is where nothing speaks for the class: from 0 to 1, which hides. Default 0.82. */
  darkness?: number;
}

const SIDE = 160;
const DARKNESS = 0.82;

/** See the package's `overlay`. */
export function overlay(
  map: Explanation,
  { width = SIDE, height = SIDE, darkness = DARKNESS }: OverlayOptions,
): ImageData {
  checkCount('width', width);
  checkCount('height', height);
  if (!(darkness >= 0 && darkness <= 1)) {
    throw new OptionError(`darkness is ${quote(darkness)}. Give a number from 0 to 1.`);
  }
  const { seen } = map;
  const at = smooth(map);
  const values = Float32Array.from({ length: width * height }, (_, i) => {
    const x = (((i % width) + 0.5) / width - seen.x) / seen.width;
    const y = ((Math.floor(i / width) + 0.5) / height - seen.y) / seen.height;
    return x >= 0 && x <= 1 && y >= 0 && y <= 1 ? at(x, y) : NaN;
  });
  // Of what is seen, the brightest point is clear: smoothing flattens.
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const range = most - least;
  const data = new Uint8ClampedArray(4 * width * height);
  for (const [i, value] of values.entries()) {
    const bright = Number.isNaN(value) ? 0 : range > 0 ? (value - least) / range : 1;
    data[4 * i + 3] = 255 * darkness * (1 - bright);
  }
  // Outside of browsers there is no such class, and what is in it is the same.
  if (typeof ImageData === 'undefined') return { data, width, height } as unknown as ImageData;
  return new ImageData(data, width, height);
}

/** The map at any point of it, from 0 to 1 in both directions: cubic B-splines, which have no edges. */
function smooth({ width, height, values }: Explanation) {
  const at = (x: number, y: number) =>
    values[clamp(y, 0, height - 1) * width + clamp(x, 0, width - 1)]!;
  return (x: number, y: number): number => {
    const [left, across] = weights(x * width - 0.5);
    const [top, down] = weights(y * height - 0.5);
    let sum = 0;
    for (const [j, v] of down.entries()) {
      for (const [i, u] of across.entries()) sum += u * v * at(left + i, top + j);
    }
    return sum;
  };
}

/** The first of four places around a point, and how much each of them counts. */
function weights(point: number): [number, number[]] {
  const whole = Math.floor(point);
  const t = point - whole;
  return [
    whole - 1,
    [(1 - t) ** 3, 3 * t ** 3 - 6 * t ** 2 + 4, -3 * t ** 3 + 3 * t ** 2 + 3 * t + 1, t ** 3].map(
      (weight) => weight / 6,
    ),
  ];
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
