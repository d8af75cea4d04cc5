// Below the picture: what was looked at, and the speed of this device; and beside the picture: its labels
// burnt in, and a camera that stands still.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import {
  PATIENCE,
  SAMPLES,
  downloaded,
  drop,
  dropAll,
  labelsFor,
  ready,
  settled,
  start,
  text,
} from './harness.mjs';
import { FLAGS, STATES } from './states.mjs';

const DRAWINGS = '/?backend=cpu&model=drawings';
const CLIPBOARD = { permissions: ['clipboard-read', 'clipboard-write'] };
/** Asks the page until it tells what is expected: what is written comes after what is shown. */
async function until(expected, page, tell) {
  let told;
  for (let i = 0; i < 100; i++) {
    told = await page.evaluate(tell);
    if (isDeepStrictEqual(told, expected)) return;
    await page.waitForTimeout(100);
  }
  assert.deepEqual(told, expected);
}

describe('below the picture', { timeout: PATIENCE }, () => {
  let site;
  before(async () => (site = await start({ flags: FLAGS })));
  afterEach(() => Promise.all(site.browser.contexts().map((context) => context.close())));
  after(() => site.stop());

  test('what was looked at is listed, searched, copied and downloaded, and goes with the window', async () => {
    const page = await site.open('/?backend=cpu', CLIPBOARD);
    await ready(page);
    for (const name of ['espresso.jpg', 'tabby.jpg']) {
      await drop(page, join(SAMPLES, name), { type: 'image/jpeg' });
      await labelsFor(page, name);
    }
    const room = page.getByTestId('history');
    await room.locator('summary').focus();
    await page.keyboard.press('Enter');
    const rows = page.getByTestId('history-list').getByRole('listitem');
    await page.getByTestId('history-count').getByText('2 pictures').waitFor();
    assert.match((await rows.allInnerTexts())[0], / cat, \d+\.\d %\ntabby\.jpg · /);
    const sides = () =>
      rows
        .locator('img')
        .evaluateAll((images) =>
          Promise.all(images.map((image) => image.decode().then(() => image.naturalWidth))),
        );
    assert.deepEqual(await sides(), [112, 112]);
    // Looked at again, it is still one picture.
    await page.getByLabel('NdArray').check();
    await page.getByTestId('backend').filter({ hasText: 'ndarray' }).waitFor({ state: 'attached' });
    await labelsFor(page, 'tabby.jpg');
    assert.equal(await rows.count(), 2);

    await page.getByTestId('history-search').fill('ESPRESSO');
    await page.getByTestId('history-count').getByText('1 of 2 pictures').waitFor();
    await room.getByRole('button', { name: 'Copy as text' }).click();
    await page.waitForFunction(
      () => document.querySelector('#announced').textContent === 'Copied.',
    );
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(copied, /^\d{4}-\d\d-\d\dT[\d:.]+Z\tespresso\.jpg\tespresso, \d+\.\d %$/);
    await page.getByTestId('history-search').fill('');
    const json = await downloaded(page, room.getByRole('button', { name: 'Download JSON' }));
    const entries = JSON.parse(json.bytes);
    assert.deepEqual(
      entries.map(({ name }) => name),
      ['tabby.jpg', 'espresso.jpg'],
    );
    assert.equal(entries[1].predictions[0].label, 'espresso');
    const csv = () => downloaded(page, room.getByRole('button', { name: 'Download CSV' }));
    const table = String((await csv()).bytes);
    assert.match(table, /^time,name,model,known,label,score\r\n.*,tabby\.jpg,/);
    const formula = '=1+1.jpg';
    await drop(page, join(SAMPLES, 'tabby.jpg'), { name: formula, type: 'image/jpeg' });
    await rows.filter({ hasText: formula }).waitFor();
    assert.match(String((await csv()).bytes), /\r\n[^,]+,'=1\+1\.jpg,/, 'a name is no formula');

    await page.reload();
    await ready(page);
    await room.locator('summary').click();
    await page.getByText('What you look at is listed here.').waitFor();
  });

  test('a picture that is answered anew while its thumbnail is drawn has one row, of the last answer', async () => {
    const page = await site.open(DRAWINGS);
    await ready(page);
    await page.evaluate(() => {
      // Thumbnails wait until they are let go, the newest first.
      globalThis.held = [];
      const { toBlob } = HTMLCanvasElement.prototype;
      HTMLCanvasElement.prototype.toBlob = function (...given) {
        held.unshift(() => toBlob.apply(this, given));
      };
    });
    const cat = 'cat.svg';
    await drop(page, join(SAMPLES, cat));
    await labelsFor(page, cat);
    await page.waitForFunction(() => held.length === 1);
    await page.locator('[name=model][value=photos]').check();
    await page.getByTestId('model-use').click();
    await page.waitForFunction(() => held.length === 2);
    await page.getByTestId('history').locator('summary').click();
    for (let i = 0; i < 2; i++) {
      await page.evaluate(
        (i) =>
          new Promise((resolve) => {
            held[i]();
            setTimeout(resolve, 200);
          }),
        i,
      );
    }
    await page.getByTestId('history-count').getByText('1 picture').waitFor();
    const button = page.getByTestId('history').getByRole('button', { name: 'Download JSON' });
    const [entry] = JSON.parse((await downloaded(page, button)).bytes);
    assert.equal(entry.model, 'Photographs of 200 everyday things');
  });

  test('what was looked at stays on the device where that is asked for, until it is cleared', async () => {
    const page = await site.open(DRAWINGS);
    await ready(page);
    await drop(page, join(SAMPLES, 'cat.svg'));
    await labelsFor(page, 'cat.svg');
    const room = page.getByTestId('history');
    const rows = page.getByTestId('history-list').getByRole('listitem');
    await room.locator('summary').click();
    await page.getByTestId('history-keep').check();
    await drop(page, join(SAMPLES, 'apple.svg'));
    await labelsFor(page, 'apple.svg');
    await rows.nth(1).waitFor();
    const stored = (expected) =>
      until(expected, page, async () => {
        const [{ name }] = await indexedDB.databases();
        const open = indexedDB.open(name);
        await new Promise((resolve) => (open.onsuccess = resolve));
        const all = open.result.transaction('entries').objectStore('entries').getAll();
        await new Promise((resolve) => (all.onsuccess = resolve));
        open.result.close();
        return all.result.map(({ name }) => name).sort();
      });
    await stored(['apple.svg', 'cat.svg']);
    await page.reload();
    await ready(page);
    await room.locator('summary').click();
    await rows.nth(1).waitFor();
    assert.match((await rows.allInnerTexts()).join(), /^apple, .*cat, /s);
    page.on('dialog', (dialog) => dialog.accept());
    await room.getByRole('button', { name: 'Clear' }).click();
    await page.getByText('What you look at is listed here.').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.localName), 'summary');
    await stored([]);
    const keep = page.getByTestId('history-keep');
    assert.ok(await keep.isChecked());
    // Changed at once, the last word counts.
    await drop(page, join(SAMPLES, 'car.svg'));
    await rows.first().waitFor();
    await keep.evaluate((keep) => [1, 2, 3].forEach(() => keep.click()));
    await page.addInitScript(() => Object.defineProperty(navigator, 'clipboard', {}));
    await page.reload();
    await ready(page);
    await room.locator('summary').click();
    await page.getByText('What you look at is listed here.').waitFor();
    assert.equal(await keep.isChecked(), false);
    // It may be that the window went before all was removed: that is made up for.
    await page.waitForFunction(() => !Object.keys(localStorage).some((key) => /history/.test(key)));
    await stored([]);
    // On plain http:// there is no clipboard.
    await drop(page, join(SAMPLES, 'car.svg'));
    await rows.first().waitFor();
    assert.ok(await room.getByRole('button', { name: 'Clear' }).isVisible());
    assert.ok(await room.getByRole('button', { name: 'Copy as text' }).isHidden());
  });

  test('the speed of what this device has is measured, told and copied, or given up', async () => {
    const page = await site.open(DRAWINGS, CLIPBOARD);
    await ready(page);
    await page.getByTestId('speed').locator('summary').click();
    const run = page.getByTestId('speed-run');
    assert.ok(await page.getByTestId('speed-table').isHidden(), 'nothing is in it yet');
    await run.focus();
    await page.keyboard.press('Enter');
    const status = page.getByTestId('speed-status');
    await status.filter({ hasText: 'Measuring' }).waitFor();
    await page.keyboard.press('Enter'); // The keyboard is on Cancel.
    await status.filter({ hasText: 'Cancelled.' }).waitFor();
    await run.click();
    await status.filter({ hasText: 'Measured.' }).waitFor();
    assert.match(
      await status.textContent(),
      / is the fastest: [\d.]+ ms a picture\. WebGPU could not be measured\. .+/,
    );
    const rows = await page.getByTestId('speed-table').locator('tbody tr').allInnerTexts();
    const names = rows.map((row) => row.split('\t')[0]);
    assert.match(names[0], /^CPU, \d+ threads$/);
    assert.deepEqual(names.slice(1), ['CPU, 1 thread', 'NdArray']);
    await page.getByRole('button', { name: 'Copy table' }).click();
    await page.waitForFunction(
      () => document.querySelector('#announced').textContent === 'Copied.',
    );
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(copied, /^Drawings, bundled, one picture; .*Chrom/);
    assert.equal(copied.split('\n').filter((line) => /\| \d+\.\d \| \d+ \|$/.test(line)).length, 3);
    assert.equal(await text(page, 'backend'), 'cpu', 'what ran goes on');
  });

  test('what is pressed before a room’s script is there is answered once it comes', async () => {
    const page = await site.open(DRAWINGS);
    await ready(page);
    let come;
    const held = new Promise((resolve) => (come = resolve));
    for (const name of ['speed', 'history', 'teach']) {
      await page.route(`**/${name}.js`, (route) => held.then(() => route.continue()));
    }
    await page.getByTestId('speed').locator('summary').click();
    await page.getByTestId('speed-run').click();
    await page.getByTestId('speed-run').click(); // As people do where nothing happens.
    await page.getByTestId('history').locator('summary').click();
    await page.getByText('Keep this list on this device').click();
    await page.getByTestId('teach-open').click();
    come();
    await page.getByTestId('teach').waitFor();
    await page.getByTestId('teach-close').click();
    await page.getByTestId('speed-status').filter({ hasText: 'Measuring' }).waitFor();
    await page.getByTestId('speed').getByRole('button', { name: 'Cancel' }).click();
    await page.getByTestId('speed-status').filter({ hasText: 'Cancelled.' }).waitFor();
    await page.waitForFunction(() => document.querySelector('#history-keep').checked);
  });

  test('a picture is saved with its labels under it', async () => {
    const page = await site.open('/?backend=cpu');
    await ready(page);
    assert.ok(await page.getByTestId('burn').isHidden());
    await drop(page, join(SAMPLES, 'espresso.jpg'), { type: 'image/jpeg' });
    await labelsFor(page, 'espresso.jpg');
    const { name, bytes } = await downloaded(page, page.getByTestId('burn'));
    assert.equal(name, 'espresso, labelled.png');
    const found = await page.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const saved = await createImageBitmap(new Blob([bytes]));
      const { naturalWidth, naturalHeight } = document.querySelector('#preview');
      const canvas = new OffscreenCanvas(saved.width, saved.height);
      const context = canvas.getContext('2d');
      context.drawImage(saved, 0, 0);
      const band = saved.height - naturalHeight;
      const { data } = context.getImageData(0, naturalHeight, saved.width, band);
      const dark = data.filter((value, at) => at % 4 === 0 && value < 128).length;
      return { wide: saved.width === naturalWidth, band, dark };
    }, bytes.toString('base64'));
    assert.ok(found.wide && found.band > 60, `${found.band} rows of labels`);
    assert.ok(found.dark > 200, `${found.dark} pixels of letters`);
  });

  test('a picture is never saved with the labels of the one before', async () => {
    const page = await site.open('/?backend=cpu');
    await ready(page);
    await dropAll(
      page,
      ['espresso.jpg', 'tabby.jpg'].map((name) => {
        return { name, type: 'image/jpeg', bytes: readFileSync(join(SAMPLES, name)) };
      }),
    );
    const frames = page.getByTestId('film').getByRole('button');
    await frames.nth(1).getByText('cat').waitFor();
    // The answer is known and the picture not drawn yet: it is waited for.
    const saved = await downloaded(page, {
      click: () =>
        page.evaluate(() => {
          document.querySelector('#film').children[1].firstElementChild.click();
          document.querySelector('#burn').click();
        }),
    });
    assert.equal(saved.name, 'tabby, labelled.png');
    assert.ok(saved.bytes.length > 10_000, `${saved.bytes.length} bytes`);
    // There is no answer yet: there is nothing to save.
    const pressed = page.evaluate(
      () =>
        new Promise((resolve) => {
          const list = document.querySelector('#predictions');
          new MutationObserver(() => {
            if (list.ariaBusy === 'true') resolve(document.querySelector('#burn').disabled);
          }).observe(list, { attributes: true });
        }),
    );
    await drop(page, join(SAMPLES, 'rocket.jpg'), { type: 'image/jpeg' });
    assert.ok(await pressed, 'cannot be pressed while it looks');
    await labelsFor(page, 'rocket.jpg');
    assert.ok(await page.getByTestId('burn').isEnabled());
  });

  test('a camera stands still when it is frozen, computes nothing, and can be taken or let go', async () => {
    const page = await site.open('/?backend=cpu');
    await ready(page);
    await page.getByTestId('webcam-start').click();
    await labelsFor(page, 'webcam');
    const freeze = page.getByTestId('freeze');
    await freeze.focus();
    await page.keyboard.press('Enter');
    assert.equal(await freeze.getAttribute('aria-pressed'), 'true');
    await page.evaluate(() => {
      globalThis.answers = 0;
      const watch = new MutationObserver(() => answers++);
      watch.observe(document.querySelector('#latency'), { childList: true, characterData: true });
    });
    const before = await settled(page, () => page.evaluate(() => answers));
    await page.keyboard.press('Enter');
    assert.equal(await freeze.getAttribute('aria-pressed'), 'false');
    await page.waitForFunction((before) => answers > before, before);
    await freeze.click();
    await page.getByTestId('snap').click();
    await labelsFor(page, 'camera.png');
    assert.ok(await freeze.isHidden());
  });

  test('the rooms fit 320 pixels, as a desktop at 400 % zoom has, and forced colours keep their bars', async () => {
    const options = { viewport: { width: 320, height: 256 }, forcedColors: 'active' };
    const page = await STATES.folder(site, options);
    for (const room of ['history', 'speed']) {
      await page.getByTestId(`${room}-open`).focus();
      await page.keyboard.press('Space');
    }
    await page.getByText('What you look at is listed here.').waitFor(); // A folder is no history.
    await drop(page, join(SAMPLES, 'tabby.jpg'), { type: 'image/jpeg' });
    await page.getByTestId('history-count').getByText('1 picture').waitFor();
    await page.getByTestId('speed-run').click();
    await page.getByTestId('speed-status').filter({ hasText: 'Measured.' }).waitFor();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${wide} pixels too wide`);
    const bar = page.getByTestId('speed-table').locator('.bar').first();
    const adjusted = await bar.evaluate((bar) => getComputedStyle(bar).forcedColorAdjust);
    assert.equal(adjusted, 'none');
    // It has nothing to scroll, and no place for the keyboard.
    const hidden = await page
      .locator('#speed-frame')
      .evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth);
    assert.ok(hidden <= 0, `${hidden} pixels of the table out of sight`);
  });
});
