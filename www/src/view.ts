// How a picture is looked at: which part of it, which way up, and how that becomes a square.

import { OptionError } from './errors.js';
import { quote } from './options.js';

export const CROPS = ['center', 'squash', 'pad'] as const;

/** `center` cuts the middle out, `squash` changes the aspect, `pad` fills with black. */
export type Crop = (typeof CROPS)[number];

/** A part of a picture: from its upper left corner, in its pixels or as shares of its sides. */
export interface Region {
  x: number;
  y: number;
  width: number;
  height: number;
  /** Default `pixels`, of the picture as it is shown. */
  unit?: 'pixels' | 'shares';
}

export interface ViewOptions {
  /** The only part of the picture to look at. Default: all of it. */
  region?: Region;
  /** Degrees that the picture, or its region, is turned clockwise before: a multiple of 90. Default 0. */
  rotate?: number;
  /** How it becomes a square. Default: as `create` was told, or the model says. */
  crop?: Crop;
}

/** The same, checked, as it travels. */
export interface View {
  region?: Region;
  /** Quarter turns clockwise, 0 to 3. */
  turns: number;
  crop?: Crop;
}

/** @internal */
export function viewOf({ region, rotate = 0, crop }: ViewOptions): View {
  if (typeof rotate !== 'number' || !Number.isInteger(rotate / 90)) {
    throw new OptionError(
      `rotate is ${quote(rotate)}. Give degrees clockwise, a multiple of 90: 90, 180 or 270.`,
    );
  }
  const turns = (((rotate / 90) % 4) + 4) % 4;
  return { region: checkRegion(region), turns, crop: checkCrop(crop) };
}

/** @internal */
export function checkCrop(crop: unknown): Crop | undefined {
  const known = CROPS.find((name) => name === crop);
  if (known || crop === undefined) return known;
  throw new OptionError(`crop is ${quote(crop)}. Choose one of ${CROPS.join(', ')}.`);
}

function checkRegion(region: Region | undefined): Region | undefined {
  if (region === undefined) return undefined;
  const { x, y, width, height, unit = 'pixels' } = Object(region) as Region;
  const numbers = [x, y, width, height];
  const isRegion = numbers.every((number) => Number.isFinite(number) && number >= 0);
  if (!isRegion || width === 0 || height === 0) {
    const given = typeof region === 'object' ? `{ ${numbers.join(', ')} }` : quote(region);
    throw new OptionError(
      `region is ${given}. Give { x, y, width, height }, from 0, with a width and height above 0.`,
    );
  }
  if (unit !== 'pixels' && unit !== 'shares') {
    throw new OptionError(`region.unit is ${quote(unit)}. Choose one of pixels, shares.`);
  }
  // Sums of decimals miss 1 by a last bit.
  if (unit === 'shares' && Math.max(x + width, y + height) > 1 + 1e-6) {
    throw new OptionError(
      `region is { ${numbers.join(', ')} } in shares, which reaches beyond the picture. Let x + width and y + height be at most 1.`,
    );
  }
  return { x, y, width, height, unit };
}
