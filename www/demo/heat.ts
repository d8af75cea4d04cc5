// From a map of places to what is said of it. Arithmetic alone.

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
