// Files as people drop them: several, mixed, and of kinds that the page does not read.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { miniXception } from './full.mjs';
import { PATIENCE, SAMPLES, SITE, dropAll, labelsFor, ready, start } from './harness.mjs';

const REGISTRY = JSON.parse(readFileSync(join(SITE, 'xception-web/models/registry.json'), 'utf8'));
const sample = (name) => ({
  name: `${name}.svg`,
  type: 'image/svg+xml',
  bytes: readFileSync(join(SAMPLES, `${name}.svg`)),
});

describe('files dropped together', { timeout: PATIENCE }, () => {
  let site;
  before(async () => (site = await start()));
  after(() => site.stop());

  test('pictures become a strip, and each of them can be looked at', async () => {
    const page = await site.open('/?backend=cpu&model=drawings');
    await dropAll(page, [sample('car'), sample('cat'), sample('apple')]);
    assert.equal((await labelsFor(page, 'car.svg'))[0], 'car');
    const film = page.getByTestId('film');
    assert.equal(await film.getByRole('button').count(), 3);
    // Each says what it shows, without being looked at.
    for (const name of ['car', 'cat', 'apple']) {
      await film.getByRole('button', { name: `${name}.svg ${name}`, exact: true }).waitFor();
    }
    await film.getByRole('button', { name: 'car.svg' }).focus();
    await page.keyboard.press('ArrowRight');
    assert.equal((await labelsFor(page, 'cat.svg'))[0], 'cat');
    await page.keyboard.press('ArrowLeft');
    assert.equal((await labelsFor(page, 'car.svg'))[0], 'car');
    await film.getByRole('button', { name: 'apple.svg' }).click();
    assert.equal((await labelsFor(page, 'apple.svg'))[0], 'apple');
    const chosen = film.getByRole('button', { pressed: true });
    assert.equal(await chosen.getByRole('img').getAttribute('alt'), 'apple.svg');
    await page.getByRole('button', { name: 'Umbrella' }).click();
    assert.equal((await labelsFor(page, 'umbrella.svg'))[0], 'umbrella');
    assert.ok(await film.isHidden());
  });

  test('a picture beside a model and its labels is named by them', async () => {
    const page = await site.open('/?backend=cpu');
    await ready(page);
    const names = Array.from({ length: 7 }, (_, i) => `thing ${i}`);
    await dropAll(page, [
      sample('cat'),
      { name: 'mine.safetensors', bytes: miniXception(7) },
      { name: 'labels.json', bytes: JSON.stringify(names) },
    ]);
    await page.getByText('mine.safetensors').waitFor();
    assert.match((await labelsFor(page, 'cat.svg'))[0], /^thing \d$/);
  });

  test('labels beside a picture name the model that runs', async () => {
    const page = await site.open('/?backend=cpu');
    await ready(page);
    const names = Array.from({ length: REGISTRY[0].classes }, (_, i) => `thing ${i}`);
    await dropAll(page, [{ name: 'labels.json', bytes: JSON.stringify(names) }, sample('cat')]);
    await page
      .getByText(/^thing \d+$/)
      .first()
      .waitFor();
    assert.match((await labelsFor(page, 'cat.svg'))[0], /^thing \d+$/);
  });

  for (const [what, files, message] of [
    [
      'two models',
      ['a.safetensors', 'b.h5'],
      /^2 model files came at once \(a\.safetensors, b\.h5\)\. Give one/,
    ],
    ['a file of another kind', ['x.onnx'], /"x\.onnx".*not a picture.*end in \.safetensors/],
    ['a broken model', ['x.h5'], /^x\.h5: .{20}/],
  ]) {
    test(`${what}: told which files are meant`, async () => {
      const page = await site.open('/?backend=cpu');
      await ready(page);
      await dropAll(
        page,
        files.map((name) => ({ name, bytes: 'something else' })),
      );
      const error = page.getByTestId('error');
      await error.waitFor({ state: 'visible' });
      assert.match(await error.textContent(), message);
    });
  }
});
