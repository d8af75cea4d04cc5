// What the page says of the model that runs: what it knows, samples of that, and whom to ask where it knows nothing.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  PATIENCE,
  SAMPLES,
  SITE,
  drop,
  dropBytes,
  labelsFor,
  ready,
  start,
  text,
} from './harness.mjs';

const APPLE = join(SAMPLES, 'apple.svg');
const MODEL = join(SITE, 'xception-web/models/drawings.safetensors');
const REGISTRY = JSON.parse(readFileSync(join(SITE, 'xception-web/models/registry.json'), 'utf8'));
const DRAWINGS = '/?backend=cpu&model=drawings';
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
/** What the photographs show of what the model knows. */
const SHOWN = {
  'tabby.jpg': / cat$/,
  'espresso.jpg': /^espresso$/,
  'uniform.jpg': /^military uniform$/,
  'rocket.jpg': /^missile$/,
};

describe('what a model knows', { timeout: PATIENCE }, () => {
  let site;
  before(async () => (site = await start()));
  after(() => site.stop());

  test('begins with the model of photographs, and says what it knows', async () => {
    const before = site.requests.length;
    const page = await site.open('/?backend=cpu');
    await ready(page);
    assert.equal(
      await text(page, 'knows'),
      'Knows 200 everyday things in photographs: goldfish, stick insect, bucket, miniskirt, teapot, …',
    );
    assert.match(await page.getByTestId('announced').textContent(), /^Loaded the bundled model\./);
    assert.equal(await text(page, 'backend'), 'cpu');
    const loaded = site.requests.slice(before).filter((url) => url.endsWith('.safetensors'));
    assert.deepEqual(loaded, [`${site.origin}/xception-web/models/photos.safetensors`]);
  });

  test('says of each model what it knows, from its own title and labels', async () => {
    const page = await site.open(DRAWINGS);
    await ready(page);
    assert.equal(
      await text(page, 'knows'),
      'Knows 150 things as drawn in emoji and icon sets: airplane, cheese, game controller, microphone, skull, …',
    );
    assert.match(await page.locator('#about').innerText(), /drawn as emoji/);
    assert.doesNotMatch(await page.locator('#about').innerText(), /learnt from small photographs/);
    const names = JSON.stringify(Array.from({ length: 150 }, (_, i) => `thing ${i}`));
    await dropBytes(page, readFileSync(MODEL), { name: 'mine.safetensors' });
    await page.getByText('mine.safetensors').waitFor();
    assert.ok(await page.locator('#about').isHidden(), 'no word of the page’s on others’ models');
    await dropBytes(page, Buffer.from(names), { name: 'labels.json' });
    await page.getByTestId('knows').getByText('thing 0, thing 30, thing 60').waitFor();
  });

  test('the labels can be searched, with the keyboard, and are counted aloud', async () => {
    const page = await site.open(DRAWINGS);
    await ready(page);
    assert.ok(await page.getByRole('searchbox').isHidden());
    await page.getByTestId('see-labels').focus();
    await page.keyboard.press('Enter');
    const focused = () => page.evaluate(() => document.activeElement.dataset.testid);
    assert.equal(await focused(), 'label-search');
    const list = page.getByRole('list', { name: 'All its 150 labels' });
    const shown = () => list.getByRole('listitem').allTextContents();
    const count = page.getByRole('status').filter({ hasText: 'label' });
    assert.equal((await shown()).length, 150);
    assert.equal(await count.textContent(), '150 labels');
    await page.keyboard.type('BALL foot');
    assert.deepEqual(await shown(), ['American football']);
    assert.equal(await count.textContent(), '1 of 150 labels');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('zebrafish');
    assert.deepEqual(await shown(), []);
    assert.equal(await count.textContent(), 'None of its 150 labels holds “zebrafish”.');
    await page.keyboard.press('Control+A');
    await page.keyboard.press('Delete');
    assert.equal((await shown()).length, 150);
    await page.keyboard.press('Tab');
    assert.equal(await focused(), 'labels', 'the list can be scrolled with the keyboard');
  });

  test('the samples are photographs or drawings, as the model knows them', async () => {
    const page = await site.open('/?backend=cpu');
    await ready(page);
    const samples = () =>
      page
        .locator('[data-sample]')
        .evaluateAll((buttons) =>
          buttons
            .filter((button) => button.checkVisibility())
            .map(({ dataset }) => dataset.sample.split('.').at(-1)),
        );
    assert.deepEqual(new Set(await samples()), new Set(['jpg']));
    assert.ok(await page.getByRole('list', { name: 'one of these photographs' }).isVisible());
    // Small as it is, it cannot know them all.
    let named = 0;
    for (const [name, label] of Object.entries(SHOWN)) {
      await page.locator(`[data-sample="samples/${name}"]`).click();
      if ((await labelsFor(page, name)).some((guess) => label.test(guess))) named++;
    }
    assert.ok(named >= 2, `${named} of the samples are among the five likeliest labels`);
    await page.locator('[name=model][value=drawings]').check();
    await page.getByTestId('model-use').click();
    await page.getByRole('list', { name: 'one of these drawings' }).waitFor();
    assert.deepEqual(new Set(await samples()), new Set(['svg']));
    await page.getByRole('button', { name: 'Cat', exact: true }).click();
    assert.equal((await labelsFor(page, 'cat.svg'))[0], 'cat');
    for (const image of await page.locator('[data-sample] img').all()) {
      assert.ok(await image.evaluate((image) => image.decode().then(() => image.alt.length > 0)));
    }
  });

  test('where it knows nothing, larger models are one press away', async () => {
    const strange = await start({
      worker: `const post = self.postMessage;
      self.postMessage = (reply) => {
        // Apples are known to nobody.
        if (reply.result) reply.result.known = reply.result.predictions[0].label !== 'apple';
        post.call(self, reply);
      };`,
    });
    try {
      const page = await strange.open(DRAWINGS, PHONE);
      await ready(page);
      const offers = page.getByTestId('offers');
      assert.ok(await offers.isHidden());
      await drop(page, APPLE);
      await labelsFor(page, 'apple.svg');
      assert.match(await page.getByTestId('announced').textContent(), /offered below/);
      const rows = offers.getByRole('list').getByRole('button');
      const said = await rows.allInnerTexts();
      assert.match(said[0], /^Photographs, bundled\n\d+ things.*Comes with this page$/s);
      // What nobody has measured is not offered.
      const published = REGISTRY.filter(
        ({ url, accuracy }) => url.startsWith('https:') && accuracy,
      );
      const smallest = Math.min(...published.map(({ bytes }) => bytes));
      const megabytes = (smallest / 1e6).toFixed(1);
      assert.match(said[1], new RegExp(`1000 things.*% right.*\nDownloads ${megabytes} MB from `));
      assert.ok(said.length >= 3 && said.length <= 5, `${said}`);
      for (const row of await rows.all()) {
        const { height } = await row.boundingBox();
        assert.ok(height >= 40, 'as tall as a finger');
      }
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${wide} pixels too wide`);

      // A download that does not end is given up; then a model that comes along is taken.
      const { id, url } = published.find(({ bytes }) => bytes === smallest);
      await page.route(url, () => {});
      await offers.locator(`button[value="${id}"]`).tap();
      await page.locator('#loading-text').getByText(`of ${megabytes} MB`).waitFor();
      await page.getByTestId('loading-cancel').tap();
      await page.locator('#loading').waitFor({ state: 'hidden' });
      assert.ok(await offers.isVisible(), 'the offer still stands');
      await offers.locator('button[value=photos]').focus();
      await page.keyboard.press('Enter');
      await page.getByTestId('knows').getByText(`Knows ${REGISTRY[0].classes}`).waitFor();
      await page.waitForFunction(() => document.querySelector('#offers').hidden);
      assert.equal(await page.evaluate(() => document.activeElement.id), 'answer');
    } finally {
      await strange.stop();
    }
  });
});
