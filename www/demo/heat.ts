// From a map of places to what is seen and said of it. Arithmetic alone.

import type { Explanation } from 'xception-web';

/** Left, top, width and height as shares of a picture. */
export type Part = Explanation['seen'];

/** Above this share of warm places there is no one part to name. */
const ALL_OVER = 0.6;
/** A share of the picture that is as good as all of it: rounding to pixels takes a little. */
const WHOLE = 0.98;
/** A place is warm from half way between the least and the most on. */
const WARM = 0.5;
/** Where the outer thirds end, which have names of their own. */
const THIRD = 1 / 3;

/** From 0, what says least for the class, to 1, what says most. One value everywhere is 1 everywhere. */
export function heatOf({ values }: Explanation): Float32Array {
  const least = Math.min(...values);
  const range = Math.max(...values) - least;
  return values.map((value) => (range > 0 ? (value - least) / range : 1));
}

/** The map at any point of it, from 0 to 1 in both directions: cubic B-splines, which have no edges. */
export function smooth({ width, height }: Explanation, heat: Float32Array) {
  const at = (x: number, y: number) =>
    heat[clamp(y, 0, height - 1) * width + clamp(x, 0, width - 1)]!;
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

/** The warmest part of the picture, in words. */
export function inWords(map: Explanation, heat: Float32Array): string {
  const { width, seen } = map;
  const warm = [...heat.entries()].filter(([, heat]) => heat >= WARM);
  if (warm.length > ALL_OVER * heat.length) {
    const whole = seen.width * seen.height > WHOLE;
    return whole ? 'all over the picture' : 'all over the middle, which is all it saw';
  }
  let [sum, x, y] = [0, 0, 0];
  for (const [at, heat] of warm) {
    sum += heat;
    x += heat * (seen.x + (seen.width * ((at % width) + 0.5)) / width);
    y += heat * (seen.y + (seen.height * (Math.floor(at / width) + 0.5)) / map.height);
  }
  const side = name(x / sum, ['left', '', 'right']);
  const level = name(y / sum, ['upper', '', 'lower']);
  if (!side && !level) return 'mostly the middle';
  if (!side) return `mostly the ${level} middle`;
  return level ? `mostly the ${level} ${side}` : `mostly the ${side}`;
}

function name(share: number, [low, middle, high]: [string, string, string]): string {
  if (share < THIRD) return low;
  return share > 1 - THIRD ? high : middle;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
