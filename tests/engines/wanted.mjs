// What the command line says of pictures of every kind, to which everything else is held.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { classified } from '../browser/command.mjs';
import { FOLDER, KINDS, UPRIGHT } from './kinds.mjs';

export const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
export const FIXTURES = at('tests/fixtures/pictures/');

/**
 * f32 sums in the order of another instruction set. It holds for JPEGs too: all of these decode them to the
 * same numbers. 9e-7 is the most that was seen, of either.
 */
export const SAME = 1e-4;

/** The same picture, upright again, out of JPEGs in which it lies in other blocks; 4e-3 was seen. */
export const UPRIGHT_AGAIN = 1e-2;

export const PHOTOS = ['espresso', 'galaxies', 'rocket', 'tabby', 'uniform'].map(
  (name) => `/samples/${name}.jpg`,
);
/** Baseline and progressive, of every way to store colours; one lies on its side, and says so. */
const JPEGS = ['420', '422', '444', 'gray', 'progressive'].map(
  (kind) => `/fixtures/jpeg-${kind}.jpg`,
);
const PNGS = ['jpeg-420.png', 'jpeg-gray.png', 'picture.png', 'umbrella.png'].map(
  (name) => `/fixtures/${name}`,
);
const OTHERS = ['picture.webp', 'picture.gif', 'picture.bmp'].map((name) => `/fixtures/${name}`);
const LIES = '/fixtures/orientation_6.jpg';
const made = (name) => `/kinds/${name}`;
/** One photograph in eight orientations. */
export const TURNED = UPRIGHT.map(made);
export const ALL = [...PHOTOS, ...JPEGS, ...PNGS, ...OTHERS, LIES, ...KINDS.map(made)];

/** Where the file of such an address is. */
export function fileOf(address) {
  return address
    .replace('/fixtures/', FIXTURES)
    .replace('/samples/', at('www/demo/samples/'))
    .replace('/kinds/', `${FOLDER}/`);
}

/** What the command line says of the files, by their addresses here. */
export function byCommandLine() {
  const answers = classified(...ALL.map(fileOf));
  return Object.fromEntries(answers.map(({ predictions }, i) => [ALL[i], predictions]));
}

/** The largest difference between the scores of the same classes, which must be the same in order. */
export function difference(got, wanted, address) {
  const order = (predictions) => predictions.map(({ index }) => index);
  assert.deepEqual(order(got), order(wanted), `the five likeliest of ${address}`);
  return Math.max(...got.map(({ score }, i) => Math.abs(score - wanted[i].score)));
}
