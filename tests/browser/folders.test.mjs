// A folder of a thousand pictures, below the picture: named, paused, sorted, taken away; and folders that
// are dropped.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import {
  PATIENCE,
  SAMPLES,
  downloaded,
  dropAll,
  labelsFor,
  ready,
  rendererMegabytes,
  settled,
  start,
} from './harness.mjs';
import { FLAGS } from './states.mjs';

const sharp = createRequire(new URL('../../www/package.json', import.meta.url))('sharp');

const DRAWINGS = '/?backend=cpu&model=drawings';
const COUNT = 1000;
/** Pixels of the sides of each: a quarter of a megabyte, decoded. */
const SIDE = 256;
/**
 * Bytes that the page's heap may grow by over a thousand pictures: what is kept of each is its file's
 * name and three labels, half a kilobyte.
 */
const HEAP_GROWTH = 2_000_000;
/** Megabytes that its process may: the pixels of all would be 260. */
const RENDERER_GROWTH = 100;

/** A picture in one colour, as PNG. */
function plain(r, g, b) {
  const create = { width: SIDE, height: SIDE, channels: 3, background: { r, g, b } };
  return sharp({ create }).png().toBuffer();
}

/** A picture of 16×16 pixels in one colour, as BMP. */
function bitmap(red, green, blue) {
  const side = 16;
  const bytes = Buffer.alloc(54 + 3 * side * side);
  bytes.write('BM');
  bytes.writeUInt32LE(bytes.length, 2);
  for (const [at, value] of [
    [10, 54],
    [14, 40],
    [18, side],
    [22, side],
  ]) {
    bytes.writeUInt32LE(value, at);
  }
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28);
  for (let at = 54; at < bytes.length; at += 3) bytes.set([blue, green, red], at);
  return bytes;
}

describe('a folder', { timeout: PATIENCE }, () => {
  let site;
  let folder;
  before(async () => {
    site = await start({ flags: FLAGS });
    folder = mkdtempSync(join(tmpdir(), 'xception-web-folder-'));
    for (let i = 0; i < COUNT; i++) {
      const inner = join(folder, `part ${i % 3}`);
      mkdirSync(inner, { recursive: true });
      const colour = await plain(i % 256, (i * 7) % 256, (i * 31) % 256);
      writeFileSync(join(inner, `${i}.png`), colour);
    }
    writeFileSync(join(folder, 'broken.png'), 'no picture');
    writeFileSync(join(folder, 'notes.txt'), 'no picture at all');
  });
  // A thousand pictures are enough for one browser.
  afterEach(() => Promise.all(site.browser.contexts().map((context) => context.close())));
  after(async () => {
    await site.stop();
    rmSync(folder, { recursive: true });
  });

  test(`a folder of ${COUNT} pictures is named, paused, sorted and exported, and memory stays flat`, async () => {
    const page = await site.open(DRAWINGS);
    await ready(page);
    await page.getByTestId('folder').locator('summary').click();
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Performance.enable');
    const heap = async () => {
      await devtools.send('HeapProfiler.collectGarbage');
      const { metrics } = await devtools.send('Performance.getMetrics');
      return metrics.find(({ name }) => name === 'JSHeapUsedSize').value;
    };
    const status = page.getByTestId('folder-status');
    // Who has named one has all that it takes to name any.
    await page.getByTestId('folder-input').setInputFiles(SAMPLES);
    await status.filter({ hasText: 'pictures named' }).waitFor();
    const before = await heap();
    const megabytes = await rendererMegabytes(site.browser);
    await page.getByTestId('folder-input').setInputFiles(folder);
    const pause = page.getByRole('button', { name: 'Pause' });
    await status.filter({ hasText: /^\d\d+ of 1001/ }).waitFor();
    await pause.click();
    const shown = () =>
      page
        .getByTestId('folder')
        .locator('progress')
        .evaluate(({ value }) => value);
    // What was under way comes to its end, and then nothing comes.
    const paused = await settled(page, shown);
    assert.ok(paused < COUNT, `${paused}`);
    assert.equal(await status.textContent(), `Paused at ${paused} of ${COUNT + 1}.`);
    await page.getByRole('button', { name: 'Go on' }).click();
    await status.filter({ hasText: 'pictures named' }).waitFor();
    assert.equal(
      await status.textContent(),
      '1001 of 1001 pictures named. 1 could not be read. 1 file is no picture.',
    );
    assert.ok(await pause.isHidden());
    const grown = (await heap()) - before;
    const more = (await rendererMegabytes(site.browser)) - megabytes;
    console.log(`heap: ${before} bytes before ${COUNT} pictures, ${before + grown} after`);
    console.log(`renderers: ${megabytes} MB before, ${megabytes + more} after`);
    assert.ok(grown < HEAP_GROWTH, `${grown} bytes`);
    assert.ok(more < RENDERER_GROWTH, `${more} MB`);

    const table = page.getByTestId('folder-table');
    const cells = (column) => table.locator(`tbody tr > :nth-child(${column})`).allTextContents();
    const paths = await cells(1);
    assert.equal(paths.length, 100, 'as much as anybody reads');
    assert.match(paths[0], /\/part 0\/0\.png$/);
    assert.match(paths[1], /\/part 0\/3\.png$/, '2 before 10');
    await page.getByRole('button', { name: /^Show 100 more of 901/ }).click();
    assert.equal((await cells(1)).length, 200);
    const byScore = table.getByRole('columnheader', { name: 'Score' });
    await byScore.getByRole('button').focus();
    await page.keyboard.press('Enter');
    assert.equal(await byScore.getAttribute('aria-sort'), 'descending');
    const scores = (await cells(3)).map(parseFloat);
    assert.deepEqual(
      scores,
      [...scores].sort((a, b) => b - a),
    );
    const { bytes } = await downloaded(page, page.locator('#folder-json'));
    const { model, pictures } = JSON.parse(bytes);
    assert.equal(model, 'Drawings, bundled');
    assert.equal(pictures.length, COUNT + 1);
    assert.match(pictures.at(-1).error, /broken\.png.* is not a picture/, 'the last of all');
    const csv = await downloaded(page, page.locator('#folder-csv'));
    assert.equal(String(csv.bytes).trim().split('\r\n').length, COUNT + 2);

    await table.getByRole('rowheader').first().getByRole('button').click();
    assert.equal((await labelsFor(page, pictures[0].path.split('/').at(-1))).length, 5);
    assert.ok(await page.locator('#preview').isVisible());
  });

  test('a folder can be cancelled, and many pictures dropped at once are one', async () => {
    const page = await site.open(DRAWINGS);
    await ready(page);
    const files = Array.from({ length: 300 }, (_, i) => {
      return { name: `${i}.bmp`, type: 'image/bmp', bytes: bitmap(i % 256, 40, 90) };
    });
    await dropAll(page, files);
    const status = page.getByTestId('folder-status');
    const first = page.getByRole('button', { name: '0.bmp', exact: true });
    await first.focus();
    const shown = await first.elementHandle();
    await status.filter({ hasText: /^\d{3} of 300/ }).waitFor();
    assert.ok(await shown.evaluate((row) => row === document.activeElement), 'rows stay');
    await page.getByRole('button', { name: 'Cancel' }).click();
    assert.match(await status.textContent(), /^Cancelled after \d+ pictures\.$/);
    assert.ok(await page.getByTestId('film').isHidden());
    // Begun anew, it is stopped by another model.
    await dropAll(page, files);
    await page.getByLabel('NdArray').check();
    await status.filter({ hasText: 'Another model was chosen: stopped after' }).waitFor();
  });

  test('of folders that are dropped the newest is named, also before there is a model', async () => {
    const page = await site.open('/icon.svg');
    let come;
    const held = new Promise((resolve) => (come = resolve));
    await page.route('**/drawings.safetensors', (route) => held.then(() => route.continue()));
    await page.goto(site.origin + DRAWINGS);
    const devtools = await page.context().newCDPSession(page);
    const { x, y } = await page.getByTestId('drop-zone').boundingBox();
    const dropFolder = async (path) => {
      const data = { items: [], files: [path], dragOperationsMask: 1 };
      for (const type of ['dragEnter', 'dragOver', 'drop']) {
        await devtools.send('Input.dispatchDragEvent', { type, x: x + 9, y: y + 9, data });
      }
    };
    await dropFolder(folder); // A thousand files take longer to list.
    await dropFolder(SAMPLES);
    const status = page.getByTestId('folder-status');
    const { length } = readdirSync(SAMPLES);
    await status.filter({ hasText: `0 of ${length}.` }).waitFor();
    come();
    await status.filter({ hasText: 'pictures named' }).waitFor();
    assert.equal(await status.textContent(), `${length} of ${length} pictures named.`);
    const names = page.getByTestId('folder-table').getByRole('rowheader');
    assert.equal((await names.allTextContents())[0], 'samples/apple.svg');
    const { bytes } = await downloaded(page, page.locator('#folder-json'));
    assert.equal(JSON.parse(bytes).model, 'Drawings, bundled');
  });
});
