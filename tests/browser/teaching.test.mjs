// The room of the page where one's own things are taught.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  PATIENCE,
  SAMPLES,
  drop,
  dropAll,
  dropBytes,
  labelsFor,
  ready,
  settled,
  start,
  text,
} from './harness.mjs';
import { FLAGS, SIZES, STATES } from './states.mjs';

const THINGS = ['tabby', 'espresso', 'rocket'];

/** Parts of a sample as files, as a hand that moves would take them. */
async function parts(page, name, count) {
  const files = await page.evaluate(
    async ({ name, count }) => {
      const whole = await createImageBitmap(await (await fetch(`samples/${name}.jpg`)).blob());
      const [width, height] = [whole.width * 0.75, whole.height * 0.75];
      const found = [];
      for (let at = 0; at < count; at++) {
        const canvas = new OffscreenCanvas(128, 128);
        const left = (at % 4) * (whole.width / 24);
        const top = Math.floor(at / 4) * (whole.height / 24);
        canvas.getContext('2d').drawImage(whole, left, top, width, height, 0, 0, 128, 128);
        const blob = await canvas.convertToBlob();
        found.push(Array.from(new Uint8Array(await blob.arrayBuffer())));
      }
      return found;
    },
    { name, count },
  );
  return files.map((bytes, at) => {
    return { name: `${name}-${at}.png`, mimeType: 'image/png', buffer: Buffer.from(bytes) };
  });
}

describe('the room for teaching', { timeout: PATIENCE }, () => {
  let site;
  before(async () => (site = await start({ flags: FLAGS })));
  after(() => site.stop());

  test('three things are shown, taught and recognised, also by the file that is handed out', async () => {
    const page = await site.open('/?backend=cpu', { ...SIZES.phone, acceptDownloads: true });
    await ready(page);
    assert.ok(
      !site.requests.some((url) => url.endsWith('teach_bg.wasm')),
      'what teaches is not fetched before it is wanted',
    );
    await page.getByTestId('teach-open').click();
    await page.getByTestId('teach-add').click();
    const missing = page.getByTestId('teach-missing');
    const learn = page.getByTestId('teach-learn');
    assert.equal(await missing.textContent(), 'Name each thing.');
    assert.ok(await learn.isDisabled());
    for (const [at, name] of THINGS.entries()) {
      await page.getByLabel(`Name of thing ${at + 1}`).fill(name);
      const thing = page.getByTestId('thing').nth(at);
      await thing.getByTestId('thing-files').setInputFiles(await parts(page, name, 12));
      await thing.getByText('12 pictures').waitFor();
    }
    assert.equal(await missing.textContent(), '');
    await learn.click();
    const result = page.getByTestId('teach-result');
    await result
      .getByText('Of 6 pictures that it did not learn from it names 6 rightly.')
      .waitFor();
    assert.match(await result.textContent(), /tabby: 2 of 2.*measured on 6 pictures alone/);
    const points = await page.locator('[data-part=line]').getAttribute('points');
    const heights = points.split(' ').map((point) => Number(point.split(',')[1]));
    assert.ok(heights.length > 5 && heights[0] === 0 && heights.at(-1) > 15, 'the loss falls');
    // What was learnt keeps its name.
    await page.getByLabel('Name of thing 1').fill('something else');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByTestId('teach-download').click(),
    ]);
    assert.equal(download.suggestedFilename(), 'tabby-espresso-and-rocket.safetensors');
    const file = readFileSync(await download.path());
    // What the page was about is given up, and what it knows now is told where it is heard.
    const many = Array.from({ length: 100 }, (_, i) => {
      return {
        name: `${i}.jpg`,
        type: 'image/jpeg',
        bytes: readFileSync(join(SAMPLES, 'tabby.jpg')),
      };
    });
    await dropAll(page, many);
    await page.getByTestId('teach-use').click();
    await page.getByTestId('teach').waitFor({ state: 'hidden' });
    await page
      .getByTestId('folder-status')
      .filter({ hasText: 'Another model was chosen: stopped after' })
      .waitFor({ state: 'attached' });
    await page
      .getByTestId('announced')
      .filter({ hasText: 'It now knows tabby, espresso and rocket.' })
      .waitFor();
    const rocket = join(SAMPLES, 'rocket.jpg');
    await drop(page, rocket, { type: 'image/jpeg' });
    const live = await labelsFor(page, 'rocket.jpg');
    assert.equal(live[0], 'rocket');
    assert.deepEqual(live.toSorted(), THINGS.toSorted());
    assert.equal(await text(page, 'knows'), `Knows 3 things of your own: ${THINGS.join(', ')}`);
    // The file is a model like any other, in a page that has seen nothing of it.
    const other = await site.open('/?backend=cpu');
    await ready(other);
    await dropBytes(other, file, { name: 'mine.safetensors' });
    await other.getByText('mine.safetensors').waitFor();
    await drop(other, rocket, { type: 'image/jpeg' });
    assert.deepEqual(await labelsFor(other, 'rocket.jpg'), live);
    // Another backend takes what was taught along.
    await page.locator('[name=backend][value=auto]').check({ force: true });
    await page.waitForFunction(() => location.search.includes('backend=auto'));
    await drop(page, rocket, { name: 'again.jpg', type: 'image/jpeg' });
    assert.deepEqual(await labelsFor(page, 'again.jpg'), live);
  });

  test('the camera records as long as the button is held, by mouse or key, then names what it sees', async () => {
    const page = await site.open('/?backend=cpu');
    await ready(page);
    await page.getByTestId('teach-open').focus();
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.activeElement.closest('dialog'));
    await page.keyboard.type('green');
    const [first, second] = [0, 1].map((at) => page.getByTestId('thing').nth(at));
    const count = (thing) =>
      thing
        .getByTestId('thing-count')
        .textContent()
        .then((text) => Number.parseInt(text) || 0);
    const counts = async (thing, least) => {
      while ((await count(thing)) < least) await page.waitForTimeout(50);
    };
    await first.getByTestId('thing-hold').hover();
    await page.mouse.down();
    await counts(first, 5);
    await page.mouse.up();
    const recorded = await settled(page, () => count(first)); // It ends with the press.
    const hold = first.getByTestId('thing-hold');
    // Not every browser tells a button that is gone that it was let go.
    await hold.evaluate((hold) => {
      for (const type of ['pointerleave', 'pointercancel', 'blur']) {
        hold.addEventListener(type, (event) => event.stopImmediatePropagation(), true);
      }
    });
    await hold.hover();
    await page.mouse.down();
    await counts(first, recorded + 2);
    await page.keyboard.press('Escape');
    await settled(page, () => count(first)); // And with the room.
    await page.mouse.up();
    await page.getByTestId('teach-open').press('Enter');
    await page.getByLabel('Name of thing 2').fill('cat');
    await second.getByTestId('thing-hold').focus();
    await page.keyboard.press('Space');
    await second.getByText('1 picture').waitFor();
    await second
      .getByTestId('thing-files')
      .setInputFiles(Array(6).fill(join(SAMPLES, 'tabby.jpg')));
    await second.getByText('7 pictures').waitFor();
    // What was taken by mistake is taken away, and the keyboard goes on from there.
    await second.getByRole('button', { name: 'Remove picture 1 of cat' }).press('Enter');
    await second.getByText('6 pictures').waitFor();
    assert.match(
      await page.evaluate(() => document.activeElement.getAttribute('aria-label')),
      /^Remove picture/,
    );
    await page.getByTestId('teach-learn').press('Enter');
    await page.getByTestId('teach-live').press('Enter');
    assert.equal((await labelsFor(page, 'webcam'))[0], 'green');
    assert.equal(await page.evaluate(() => document.querySelector('dialog').open), false);
  });

  test('what is no picture is left out and told, and a folder is a thing', async () => {
    const page = await STATES.teaching(site, SIZES.desktop);
    const [, second] = await page.getByTestId('thing').all();
    await second.getByTestId('thing-files').setInputFiles([
      { name: 'broken.png', mimeType: 'image/png', buffer: Buffer.from('no picture') },
      {
        name: 'espresso.jpg',
        mimeType: 'image/jpeg',
        buffer: readFileSync(join(SAMPLES, 'espresso.jpg')),
      },
    ]);
    await page.getByTestId('teach-trouble').getByText('1 file could not be read').waitFor();
    await second.getByText('1 picture').waitFor();
    await page.getByTestId('teach-folder').setInputFiles(SAMPLES);
    await page
      .getByTestId('thing')
      .nth(2)
      .getByText(/^\d+ pictures$/)
      .waitFor();
    assert.equal(await page.getByLabel('Name of thing 3').inputValue(), 'samples');
    // It is as it was left when it is opened again, and the page behind got nothing of it.
    await page.keyboard.press('Escape');
    assert.ok(await page.getByTestId('teach').isHidden());
    assert.equal(await page.evaluate(() => document.activeElement.id), 'teach-open');
    await page.getByTestId('teach-open').press('Enter');
    assert.equal(await page.getByLabel('Name of thing 1').inputValue(), 'Cat');
    await page.getByTestId('teach').dispatchEvent('dragover');
    assert.equal(await page.locator('#drop-zone.over').count(), 0);
    await page.getByTestId('teach-close').click();
    await drop(page, join(SAMPLES, 'rocket.jpg'), { type: 'image/jpeg' });
    await labelsFor(page, 'rocket.jpg');
  });

  test('what fails is told as what it is, in sight of who began it', async () => {
    const page = await site.open('/icon.svg', SIZES.phone);
    let come;
    const held = new Promise((resolve) => (come = resolve));
    await page.route('**/photos.safetensors', (route) => held.then(() => route.continue()));
    await page.goto(`${site.origin}/?backend=cpu`);
    await page.getByTestId('teach-open').click();
    for (let i = 0; i < 6; i++) await page.getByTestId('teach-add').click();
    const first = page.getByTestId('thing').first();
    await first.getByTestId('thing-files').setInputFiles(join(SAMPLES, 'tabby.jpg'));
    const trouble = page.getByTestId('teach-trouble').getByText('The model is still loading.');
    await trouble.waitFor();
    await first.scrollIntoViewIfNeeded();
    const box = await trouble.boundingBox();
    assert.ok(box.y + box.height <= SIZES.phone.viewport.height, `${box.y + box.height}`);
    come();
    await ready(page);
    await first.getByTestId('thing-files').setInputFiles(join(SAMPLES, 'tabby.jpg'));
    await first.getByText('1 picture').waitFor();
    assert.ok(await trouble.isHidden(), 'it was before this');
  });
});
