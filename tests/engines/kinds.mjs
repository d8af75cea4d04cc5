// One photograph in every kind of file that browsers read, and turned in every way that EXIF knows, so that it is
// upright for who heeds that.

import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const sharp = createRequire(new URL('../../www/package.json', import.meta.url))('sharp');

const PHOTO = fileURLToPath(new URL('../../www/demo/samples/espresso.jpg', import.meta.url));
const [WIDTH, HEIGHT] = [320, 240];

/** How a picture lies in the file, for each orientation that is to set it upright. */
const LIES = [
  (picture) => picture,
  (picture) => picture.flop(),
  (picture) => picture.rotate(180),
  (picture) => picture.flip(),
  (picture) => picture.rotate(270).flop(),
  (picture) => picture.rotate(270),
  (picture) => picture.rotate(90).flop(),
  (picture) => picture.rotate(90),
];

/** Its middle is whole, and its corners are not there. */
const FADING = `<svg width="${WIDTH}" height="${HEIGHT}"><radialGradient id="fade">
  <stop offset="0.5" stop-color="#fff" /><stop offset="1" stop-color="#fff" stop-opacity="0" />
</radialGradient><rect width="100%" height="100%" fill="url(#fade)" /></svg>`;

const JPEG = { quality: 92 };

/** How each is made, of the picture, the same fading away, and its negative. */
const MAKE = {
  'palette.png': ({ picture }) => picture.png({ palette: true, colours: 64 }),
  'gray.png': ({ picture }) => picture.greyscale().png(),
  'interlaced.png': ({ picture }) => picture.png({ progressive: true }),
  'sixteen-bits.png': ({ picture }) => picture.toColourspace('rgb16').png(),
  'alpha.png': ({ fading }) => fading.png(),
  'gray-alpha.png': ({ fading }) => fading.greyscale().png(),
  'alpha.webp': ({ fading }) => fading.webp({ lossless: true }),
  'lossy.webp': ({ picture }) => picture.webp({ quality: 80 }),
  'animated.webp': ({ both }) => both.webp({ lossless: true, delay: [500, 500] }),
  'animated.gif': ({ both }) => both.gif({ delay: [500, 500] }),
  'cmyk.jpg': ({ picture }) => picture.toColourspace('cmyk').jpeg(JPEG),
};
for (const [i, lie] of LIES.entries()) {
  MAKE[`orientation-${i + 1}.jpg`] = async ({ picture }) =>
    sharp(await lie(picture).png().toBuffer())
      .jpeg(JPEG)
      .withMetadata({ orientation: i + 1 });
}

export const KINDS = Object.keys(MAKE);
export const UPRIGHT = KINDS.filter((name) => name.startsWith('orientation'));
export const FOLDER = mkdtempSync(join(tmpdir(), 'xception-web-kinds-'));
process.on('exit', () => rmSync(FOLDER, { recursive: true }));

/** Writes all of them into the folder. */
export async function makeKinds() {
  const png = (picture) => picture.png().toBuffer();
  const picture = await png(sharp(PHOTO).resize(WIDTH, HEIGHT, { fit: 'cover' }));
  const composed = [{ input: Buffer.from(FADING), blend: 'dest-in' }];
  const fading = await png(sharp(picture).ensureAlpha().composite(composed));
  const both = [picture, await png(sharp(picture).negate())];
  for (const [name, make] of Object.entries(MAKE)) {
    const made = await make({
      picture: sharp(picture),
      fading: sharp(fading),
      both: sharp(both, { join: { animated: true } }),
    });
    await made.toFile(join(FOLDER, name));
  }
}
