// The page as people use it: with the wrong file, the keyboard, a phone, a model of their own.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PATIENCE, SAMPLES, SITE, drop, dropBytes, labelsFor, ready, start } from './harness.mjs';

const APPLE = join(SAMPLES, 'apple.svg');
const MODEL = join(SITE, 'xception-web/models/drawings.safetensors');
const DRAWINGS = '/?backend=cpu&model=drawings';
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

describe('the page', { timeout: PATIENCE }, () => {
  let site;
  before(async () => (site = await start()));
  after(() => site.stop());

  test('a damaged picture is an error, and the next picture works', async () => {
    const page = await site.open(DRAWINGS);
    await drop(page, APPLE);
    await labelsFor(page, 'apple.svg');
    const damaged = readFileSync(MODEL).subarray(0, 5000);
    await dropBytes(page, damaged, { name: 'damaged.png', type: 'image/png' });
    const error = page.getByTestId('error');
    await error.waitFor({ state: 'visible' });
    assert.match(await error.textContent(), /damaged\.png.* not a picture/);
    const predictions = page.getByTestId('predictions');
    assert.equal(await predictions.getAttribute('aria-busy'), 'false');
    assert.equal(await predictions.getAttribute('data-source'), null);
    assert.equal(await page.getByTestId('prediction').count(), 0);
    await page.getByTestId('file-input').setInputFiles(APPLE);
    assert.equal((await labelsFor(page, 'apple.svg'))[0], 'apple');
    assert.ok(await error.isHidden());
  });

  test('a picture given before the model is loaded is kept, the newest wins', async () => {
    const page = await site.open(DRAWINGS);
    for (const object of ['car', 'cat', 'umbrella']) {
      await page.getByTestId('file-input').setInputFiles(join(SAMPLES, `${object}.svg`));
    }
    assert.equal(await page.getByTestId('predictions').getAttribute('aria-busy'), 'true');
    assert.equal((await labelsFor(page, 'umbrella.svg'))[0], 'umbrella');
  });

  test('a pasted picture is classified', async () => {
    const page = await site.open(DRAWINGS);
    await page.evaluate(
      async (svg) => {
        const clipboardData = new DataTransfer();
        clipboardData.items.add(new File([svg], 'pasted.svg', { type: 'image/svg+xml' }));
        document.dispatchEvent(new ClipboardEvent('paste', { clipboardData }));
      },
      readFileSync(APPLE, 'utf8'),
    );
    assert.equal((await labelsFor(page, 'pasted.svg'))[0], 'apple');
  });

  test('predictions carry their data and are announced', async () => {
    const page = await site.open(DRAWINGS);
    await drop(page, APPLE);
    await labelsFor(page, 'apple.svg');
    const rows = await page
      .getByTestId('prediction')
      .evaluateAll((rows) => rows.map(({ dataset }) => ({ ...dataset })));
    assert.equal(rows.length, 5);
    for (const [i, { index, label, score }] of rows.entries()) {
      assert.ok(Number.isInteger(Number(index)) && label);
      assert.ok(Number(score) >= 0 && Number(score) <= Number(rows[i - 1]?.score ?? 1));
    }
    assert.match(await page.getByRole('status').textContent(), /^apple, [\d.]+ %$/);
  });

  test('the same answer to another picture is spoken again; loading and switching are', async () => {
    const page = await site.open(DRAWINGS);
    const announced = page.getByTestId('announced');
    await ready(page);
    assert.match(await announced.textContent(), /^Loaded Drawings, bundled\. .*by name\.$/);
    await page.evaluate(() => {
      globalThis.said = [];
      for (const id of ['spoken', 'announced']) {
        const region = document.getElementById(id);
        const note = () => region.textContent && said.push(region.textContent);
        new MutationObserver(note).observe(region, { childList: true });
      }
    });
    for (let i = 1; i <= 2; i++) {
      await page.getByTestId('file-input').setInputFiles(APPLE);
      await page.waitForFunction((count) => said.length === count, i);
    }
    assert.equal(await page.locator('#preview').getAttribute('alt'), 'apple.svg');
    await page.getByLabel('NdArray').check();
    await page.waitForFunction(() => said.length === 5);
    const [first, again, loading, loaded, answer] = await page.evaluate(() => said);
    assert.match(first, /^apple, /);
    assert.equal(again, first);
    assert.equal(loading, 'Loading Drawings, bundled.');
    assert.match(loaded, /^Loaded Drawings, bundled\. The ndarray backend/);
    assert.match(answer, /^apple, /);
  });

  test('everything works from the keyboard', async () => {
    const page = await site.open(DRAWINGS);
    await ready(page);
    const seen = [];
    for (let i = 0; i < 35; i++) {
      await page.keyboard.press('Tab');
      const at = await page.evaluate(() => {
        const { activeElement: at } = document;
        if (at === document.body) return null;
        const ring = at.matches('.covered') ? at.nextElementSibling : (at.closest('label') ?? at);
        const { outlineStyle, outlineWidth } = getComputedStyle(ring);
        return {
          name: at.dataset.testid ?? at.dataset.sample ?? at.value ?? at.localName,
          ring: (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || at.matches('.skip'),
        };
      });
      if (!at || seen.some(({ name }) => name === at.name)) break;
      seen.push(at);
    }
    const names = seen.map(({ name }) => name);
    for (const name of [
      'file-input',
      'webcam-start',
      'samples/cat.svg',
      'cpu',
      'see-labels',
      'history-open',
      'folder-open',
      'speed-open',
      'drawings',
      'model-use',
      'model-input',
    ]) {
      const radio = name === 'cpu';
      assert.ok(names.includes(name) || (radio && names.includes('on')), `${name} in ${names}`);
    }
    assert.deepEqual(
      seen.filter(({ ring }) => !ring),
      [],
      'what has the focus shows it',
    );

    await page.locator('[data-sample="samples/cat.svg"]').focus();
    await page.keyboard.press('Enter');
    assert.equal((await labelsFor(page, 'cat.svg'))[0], 'cat');

    const chooser = page.waitForEvent('filechooser');
    await page.getByTestId('file-input').focus();
    await page.keyboard.press('Space');
    await (await chooser).setFiles(APPLE);
    assert.equal((await labelsFor(page, 'apple.svg'))[0], 'apple');

    await page.getByLabel('CPU', { exact: true }).focus();
    await page.keyboard.press('ArrowRight');
    await page.waitForFunction(() => document.querySelector('#backend').textContent === 'ndarray');
    assert.match(page.url(), /backend=ndarray/);
    assert.equal((await labelsFor(page, 'apple.svg'))[0], 'apple', 'the picture is asked again');
  });

  test('fits 320 pixels, as a desktop at 400 % zoom has', async () => {
    const page = await site.open(DRAWINGS, { viewport: { width: 320, height: 256 } });
    await page.locator('[data-sample="samples/apple.svg"]').click();
    await labelsFor(page, 'apple.svg');
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${wide} pixels too wide`);
  });

  test('fits a phone: nothing sticks out, everything can be hit', async () => {
    const page = await site.open(DRAWINGS, PHONE);
    await page.locator('[data-sample="samples/umbrella.svg"]').tap();
    assert.equal((await labelsFor(page, 'umbrella.svg'))[0], 'umbrella');
    const { wide, small } = await page.evaluate(() => {
      const targets = [...document.querySelectorAll('button, label.button, .choice label')];
      return {
        wide: document.documentElement.scrollWidth - innerWidth,
        small: targets
          .filter((target) => target.checkVisibility())
          .filter((target) => target.getBoundingClientRect().height < 40)
          .map((target) => target.textContent),
      };
    });
    assert.ok(wide <= 0, `${wide} pixels too wide`);
    assert.deepEqual(small, []);
  });

  test('a model of one’s own can be dropped, chosen, refused and put away', async () => {
    const page = await site.open(DRAWINGS);
    await drop(page, APPLE);
    await labelsFor(page, 'apple.svg');
    await drop(page, MODEL, { name: 'mine.safetensors' });
    await page.getByText('mine.safetensors').waitFor();
    assert.equal((await labelsFor(page, 'apple.svg'))[0], 'apple');
    const broken = { name: 'x.h5', mimeType: '', buffer: Buffer.from('not a model') };
    await page.getByTestId('model-input').setInputFiles(broken);
    const error = page.getByTestId('error');
    await error.waitFor({ state: 'visible' });
    assert.ok((await error.textContent()).length > 20);
    await drop(page, join(SAMPLES, 'cat.svg'));
    assert.equal((await labelsFor(page, 'cat.svg'))[0], 'cat', 'the last model is still there');
    await page.getByRole('button', { name: 'Back to the bundled model' }).click();
    await page.getByText('mine.safetensors').waitFor({ state: 'hidden' });
  });

  test('says when it knows nothing, and where a class stands in WordNet', async () => {
    // What the worker answers for a model that has a threshold and synset ids.
    const strange = await start({
      worker: `const post = self.postMessage;
      self.postMessage = (reply) => {
        if (reply.result) {
          reply.result.known = false;
          reply.result.predictions[0].synset = 'n02124075';
        }
        post.call(self, reply);
      };`,
    });
    try {
      const page = await strange.open(DRAWINGS);
      await drop(page, APPLE);
      await labelsFor(page, 'apple.svg');
      const headline = page.getByRole('heading', { name: 'Nothing I know' });
      assert.ok(await headline.isVisible());
      const size = (part) => parseFloat(getComputedStyle(part).fontSize);
      const guess = page.getByTestId('prediction').first();
      assert.ok((await headline.evaluate(size)) > (await guess.evaluate(size)), 'no guess is one');
      assert.match(
        await page.getByRole('status').textContent(),
        /^Nothing I know\. Best guess: apple/,
      );
      const best = page.getByTestId('prediction').first();
      assert.equal(await best.getAttribute('data-synset'), 'n02124075');
      const opacity = (part) => Number(getComputedStyle(part).opacity);
      assert.ok((await best.locator('.bar').evaluate(opacity)) < 1);
      assert.equal(
        await page.getByTestId('predictions').evaluate(opacity),
        1,
        'text stays as it is',
      );
    } finally {
      await strange.stop();
    }
    const page = await site.open(DRAWINGS);
    await drop(page, APPLE);
    await labelsFor(page, 'apple.svg');
    assert.ok(await page.getByTestId('unknown').isHidden());
  });

  test('the answer can be copied', async () => {
    const permissions = ['clipboard-read', 'clipboard-write'];
    const page = await site.open(DRAWINGS, { permissions });
    assert.ok(await page.getByTestId('copy').isHidden());
    await drop(page, APPLE);
    const labels = await labelsFor(page, 'apple.svg');
    await page.getByTestId('copy').click();
    await page.waitForFunction(
      () => document.querySelector('#announced').textContent === 'Copied.',
    );
    const lines = (await page.evaluate(() => navigator.clipboard.readText())).split('\n');
    const named = lines.map((line) => line.split('\t')[0]);
    assert.deepEqual(named, labels.slice(0, named.length));
    assert.ok(!lines.some((line) => line.endsWith('\t0.0 %')), 'only what is worth reading');
    assert.match(lines[0], /^apple\t\d+\.\d %$/);
  });

  test('what it says of itself is there to read', async () => {
    const page = await site.open(DRAWINGS);
    const links = page.locator('footer a');
    assert.equal(await links.count(), 4);
    for (const link of await links.all()) {
      const answer = await page.request.get(await link.evaluate(({ href }) => href));
      assert.match(answer.headers()['content-type'], /^text\/plain/);
      assert.ok((await answer.text()).length > 500);
    }
  });

  test('forced colours leave bars whole and mark what is chosen', async () => {
    const page = await site.open(DRAWINGS, { forcedColors: 'active' });
    await drop(page, APPLE);
    await labelsFor(page, 'apple.svg');
    const look = (part) => {
      const { borderTopWidth, outlineStyle, backgroundColor } = getComputedStyle(part);
      return { borderTopWidth, outlineStyle, backgroundColor };
    };
    const bars = page.locator('.predictions .bar');
    const canvas = await page.locator('body').evaluate(look);
    const bar = await bars.first().evaluate(look);
    assert.equal(bar.borderTopWidth, '0px');
    assert.notEqual(bar.backgroundColor, canvas.backgroundColor);
    const outline = async (value) =>
      (await page.locator(`label:has([value=${value}])`).evaluate(look)).outlineStyle;
    assert.deepEqual([await outline('cpu'), await outline('webgpu')], ['solid', 'none']);
    assert.equal(await outline('drawings'), 'solid');
  });

  test('asks no other host for anything, and could not', async () => {
    const page = await site.open();
    await page.getByTestId('file-input').setInputFiles(APPLE);
    await labelsFor(page, 'apple.svg');
    const foreign = site.requests.filter((url) => new URL(url).origin !== site.origin);
    assert.deepEqual(foreign, []);
    const blocked = await page.evaluate(async () => {
      const violation = new Promise((resolve) =>
        document.addEventListener('securitypolicyviolation', ({ blockedURI }) =>
          resolve(blockedURI),
        ),
      );
      await fetch('https://example.com/').catch(() => {});
      return violation;
    });
    assert.equal(blocked, 'https://example.com/');
  });
});
