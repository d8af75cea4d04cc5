// <xception-classifier>: by its attributes, by hand, by a camera, and for those who hear it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { FAKE_CAMERA, NO_GPU, PATIENCE, SAMPLES, start } from './harness.mjs';

const require = createRequire(new URL('../../www/package.json', import.meta.url));
const { AxeBuilder } = require('@axe-core/playwright');

/** A page of someone who writes no script; with the site's own strict policy. */
const page = (inside) => `<!doctype html><html lang="en"><title>Mine</title>
<main><h1>Mine</h1>${inside}</main>
<script type="module" src="/xception-web/element.js"></script></html>`;

/** The example of the package's README, as it stands there. */
const [, EXAMPLE] = /^```html\n(.*?)^```/ms.exec(
  readFileSync(new URL('../../www/README.md', import.meta.url), 'utf8'),
);

const PAGES = {
  '/example': EXAMPLE,
  '/picture': page(
    '<xception-classifier model="drawings" backend="cpu" top-k="2" src="/samples/cat.svg"></xception-classifier>',
  ),
  '/empty': page('<xception-classifier model="drawings" backend="cpu"></xception-classifier>'),
  '/camera': page('<xception-classifier backend="cpu" top-k="3" camera></xception-classifier>'),
  '/german': page(
    `<xception-classifier backend="cpu" src="/samples/cat.svg">
       <span slot="choose">Bild wählen</span><span slot="unknown">Kenne ich nicht; vielleicht</span>
     </xception-classifier>`,
  ),
  '/broken': page(
    '<xception-classifier backend="gpu" src="/samples/cat.svg"></xception-classifier>',
  ),
};

describe('<xception-classifier>', { timeout: PATIENCE }, () => {
  let site;
  before(async () => {
    site = await start({
      flags: [...NO_GPU, ...FAKE_CAMERA],
      first({ url }, response) {
        if (!(url in PAGES)) return false;
        response.writeHead(200, {
          'Content-Type': 'text/html; charset=utf-8',
          'Content-Security-Policy':
            "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob:",
        });
        response.end(PAGES[url]);
        return true;
      },
    });
  });
  after(() => site.stop());

  const labels = (page) => page.locator('[part=label]').allTextContents();
  const spoken = (page) => page.locator('[part=status]').textContent();

  test('names the picture of its address, as many classes as it is told', async () => {
    const page = await site.open('/picture');
    await page.locator('[part=prediction]').nth(1).waitFor();
    assert.equal((await labels(page))[0], 'cat');
    assert.equal(await page.locator('[part=prediction]').count(), 2);
    assert.match(await spoken(page), /^cat, \d+/);
    assert.ok(await page.locator('[part=picture]').isVisible());
    const next = await page.evaluate(async () => {
      const element = document.querySelector('xception-classifier');
      const told = (name) =>
        new Promise((resolve) => element.addEventListener(name, resolve, { once: true }));
      let result = told('result');
      element.setAttribute('src', '/samples/apple.svg');
      const apple = (await result).detail.predictions.map(({ label }) => label);
      const first = await element.classifier;
      // Another model is another classifier, and the picture stays.
      const ready = told('ready');
      result = told('result');
      element.setAttribute('model', 'photos');
      const { model } = (await ready).detail;
      await result;
      const late = await first.classify('/samples/cat.svg').catch(({ code }) => code);
      return { apple, classes: model.classes, late };
    });
    assert.equal(next.apple[0], 'apple');
    assert.deepEqual([next.apple.length, next.classes, next.late], [2, 200, 'disposed']);
  });

  test('works as the README has it', async () => {
    const page = await site.open('/example');
    await page.locator('[part=input]').setInputFiles(join(SAMPLES, 'espresso.jpg'));
    await page.locator('[part=prediction]').nth(2).waitFor();
    assert.equal((await labels(page))[0], 'espresso');
    assert.equal(await page.locator('[part=prediction]').count(), 3);
  });

  test('loads nothing before it is given a picture, and takes one from hands and scripts', async () => {
    const before = site.requests.length;
    const page = await site.open('/empty');
    await page.getByText('Choose a picture').waitFor();
    const loaded = site.requests.slice(before).filter((url) => /wasm|safetensors|worker/.test(url));
    assert.deepEqual(loaded, []);
    await page.locator('input[type=file]').setInputFiles(join(SAMPLES, 'umbrella.svg'));
    await page.locator('[part=label]').first().waitFor();
    assert.equal((await labels(page))[0], 'umbrella');
    assert.ok(await page.locator('[part=picture]').isVisible());
    const answer = await page.evaluate(async () => {
      const element = document.querySelector('xception-classifier');
      const { predictions } = await element.classify('/samples/mushroom.svg');
      const classifier = await element.classifier;
      // Moved, it goes on; taken away, it lets everything go.
      document.querySelector('main').prepend(element);
      await new Promise((resolve) => setTimeout(resolve));
      const moved = (await element.classifier) === classifier;
      element.remove();
      await new Promise((resolve) => setTimeout(resolve));
      const gone = await classifier.classify('/samples/cat.svg').catch(({ code }) => code);
      return [predictions[0].label, moved, gone];
    });
    assert.deepEqual(answer, ['mushroom', true, 'disposed']);
  });

  test('follows a camera until it is taken away', async () => {
    const page = await site.open('/camera');
    await page.locator('[part=prediction]').nth(2).waitFor();
    const button = page.getByRole('button', { name: 'Camera' });
    assert.equal(await button.getAttribute('aria-pressed'), 'true');
    const track = await page.evaluateHandle(
      () =>
        document.querySelector('xception-classifier').shadowRoot.querySelector('video').srcObject,
    );
    const active = () => track.evaluate((stream) => stream.active);
    assert.ok(await active());
    await button.click();
    assert.ok(!(await active()), 'its light is out');
    assert.equal(await page.locator('[part=prediction]').count(), 0);
    assert.equal(await button.getAttribute('aria-pressed'), 'false');
    await button.click();
    await page.locator('[part=prediction]').nth(2).waitFor();
    const [left, code] = await page.evaluate(async () => {
      const element = document.querySelector('xception-classifier');
      const { srcObject } = element.shadowRoot.querySelector('video');
      const classifier = await element.classifier;
      element.remove();
      await new Promise((resolve) => setTimeout(resolve));
      const code = await classifier.classify('/samples/cat.svg').catch(({ code }) => code);
      return [srcObject.active, code];
    });
    assert.deepEqual([left, code], [false, 'disposed']);
  });

  test('speaks another language, and says what it does not know', async () => {
    const page = await site.open('/german');
    await page.locator('[part=prediction]').first().waitFor();
    await page.getByText('Bild wählen').waitFor();
    // The model of photographs is shown a drawing.
    assert.match(await spoken(page), /^Kenne ich nicht; vielleicht .+, \d+\s?%$/);
    assert.ok(await page.locator('xception-classifier[unknown]').count());
  });

  test('says what is wrong, and works when it is put right', async () => {
    const page = await site.open('/broken');
    await page.getByText('There is no backend called "gpu"').waitFor();
    const label = await page.evaluate(async () => {
      const element = document.querySelector('xception-classifier');
      const result = new Promise((resolve) => element.addEventListener('result', resolve));
      element.setAttribute('model', 'drawings');
      element.setAttribute('backend', 'cpu');
      return (await result).detail.predictions[0].label;
    });
    assert.equal(label, 'cat');
    assert.match(await spoken(page), /^cat/);
  });

  test('axe finds nothing, before and after an answer, in light and dark', async () => {
    for (const colorScheme of ['light', 'dark']) {
      for (const path of ['/empty', '/picture', '/camera', '/broken']) {
        const page = await site.open(path, { colorScheme });
        if (path === '/empty') await page.getByText('Choose a picture').waitFor();
        else if (path === '/broken') await page.getByText('There is no backend').waitFor();
        else await page.locator('[part=prediction]').nth(1).waitFor();
        const { violations, passes } = await new AxeBuilder({ page }).analyze();
        assert.ok(passes.length > 10, 'it looked');
        const found = violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
        assert.deepEqual(found, [], `${path}, ${colorScheme}`);
        await page.context().close();
      }
    }
  });
});
