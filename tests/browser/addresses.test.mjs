// Pictures by address: typed, dragged from another site, in a link; and servers that let nobody read them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PATIENCE, SAMPLES, labelsFor, ready, start } from './harness.mjs';

const DRAWINGS = '/?backend=cpu&model=drawings';
const APPLE = readFileSync(join(SAMPLES, 'apple.svg'));

describe('a picture of another site', { timeout: PATIENCE }, () => {
  let site;
  let other;
  let there;
  const asked = [];
  before(async () => {
    site = await start();
    other = createServer(({ url }, response) => {
      asked.push(url);
      const open = url.startsWith('/open') ? { 'Access-Control-Allow-Origin': '*' } : {};
      response.writeHead(200, { 'Content-Type': 'image/svg+xml', ...open });
      response.end(APPLE);
    });
    await new Promise((resolve) => other.listen(0, '127.0.0.1', resolve));
    there = `http://localhost:${other.address().port}`;
  });
  after(async () => {
    await site.stop();
    other.close();
  });

  /** Drops what a browser hands over for something dragged out of another page. */
  const drag = (page, data) =>
    page.evaluate((data) => {
      const dataTransfer = new DataTransfer();
      for (const [type, text] of Object.entries(data)) dataTransfer.setData(type, text);
      const zone = document.querySelector('#drop-zone');
      zone.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
    }, data);

  test('is fetched when its address is typed, and the page itself still asks nobody', async () => {
    const page = await site.open(DRAWINGS);
    await ready(page);
    await page.getByTestId('address-open').focus();
    await page.keyboard.press('Enter');
    await page.keyboard.type(`${there}/open/apple.svg`);
    await page.keyboard.press('Enter');
    assert.equal((await labelsFor(page, 'apple.svg'))[0], 'apple');
    assert.equal(await page.locator('iframe').count(), 0, 'the frame that fetched it is gone');
    const blocked = await page.evaluate((url) => {
      return fetch(url).then(
        () => 'answered',
        () => 'blocked',
      );
    }, `${there}/open/apple.svg`);
    assert.equal(blocked, 'blocked');
  });

  test('that may not be read is explained, with what to do', async () => {
    const page = await site.open(DRAWINGS);
    await ready(page);
    await page.getByTestId('address-open').click();
    await page.getByTestId('address-input').fill(`${there}/shut/apple.svg`);
    await page.getByTestId('address-load').click();
    const error = page.getByTestId('error');
    await error.waitFor();
    assert.match(await error.textContent(), /does not allow.*\(CORS\).*give it as a file/);
  });

  test('dragged here is taken: the picture itself, not the link around it', async () => {
    const page = await site.open(DRAWINGS);
    await ready(page);
    await drag(page, {
      'text/uri-list': `${there}/open/page.html`,
      'text/html': `<a href="${there}/open/page.html"><img src="${there}/open/dragged.svg"></a>`,
    });
    assert.equal((await labelsFor(page, 'dragged.svg'))[0], 'apple');
    await drag(page, { 'text/uri-list': `# a comment\r\n${there}/open/listed.svg` });
    assert.equal((await labelsFor(page, 'listed.svg'))[0], 'apple');
    await drag(page, { 'text/plain': 'words' });
    await page.getByTestId('error').waitFor();
    assert.match(await page.getByTestId('error').textContent(), /no picture/);
  });

  test('in a link waits for a yes; one of this site does not', async () => {
    const before = asked.length;
    const url = encodeURIComponent(`${there}/open/linked.svg`);
    const page = await site.open(`${DRAWINGS}&url=${url}`);
    await ready(page);
    await page.getByTestId('asked').getByText(new URL(there).host).waitFor();
    await page.waitForTimeout(300);
    assert.equal(asked.length, before, 'nobody was asked');
    await page.getByTestId('asked-load').click();
    assert.equal((await labelsFor(page, 'linked.svg'))[0], 'apple');
    const own = await site.open(`${DRAWINGS}&url=samples/cat.svg`);
    assert.equal((await labelsFor(own, 'cat.svg'))[0], 'cat');
    const none = await site.open(`${DRAWINGS}&url=samples/none.svg`);
    await none.getByTestId('error').waitFor();
    assert.match(await none.getByTestId('error').textContent(), /404 for .*Check the address/);
  });
});
