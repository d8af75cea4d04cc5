// A file of ours carries a digest of its tensors: a flipped bit is an error, not a wrong label, also
// where browsers keep Web Crypto from pages (plain http://) and the package hashes by itself.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PATIENCE, SITE, start } from './harness.mjs';

const NO_WEB_CRYPTO = "Object.defineProperty(crypto, 'subtle', { value: undefined });";

for (const [where, worker] of [
  ['with Web Crypto', undefined],
  ['without Web Crypto', NO_WEB_CRYPTO],
]) {
  test(`a flipped bit is found ${where}`, { timeout: PATIENCE }, async () => {
    const whole = readFileSync(join(SITE, 'xception-web/models/drawings.safetensors'));
    const spoilt = Buffer.from(whole);
    spoilt[spoilt.length - 1000] ^= 1;
    const files = { '/whole': whole, '/spoilt': spoilt };
    const site = await start({
      worker,
      first({ url }, response) {
        if (!(url in files)) return false;
        response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
        response.end(files[url]);
        return true;
      },
    });
    try {
      const page = await site.open('/');
      const got = await page.evaluate(async (urls) => {
        const { ImageClassifier } = await import('/xception-web/index.js');
        const create = async (model) => {
          try {
            const classifier = await ImageClassifier.create({ model, backend: 'cpu' });
            classifier.dispose();
            return 'a classifier';
          } catch ({ code, message }) {
            return `${code}: ${message}`;
          }
        };
        return Promise.all(urls.map(create));
      }, Object.keys(files));
      assert.equal(got[0], 'a classifier');
      assert.match(got[1], /^invalid-model: .*SHA-256/);
    } finally {
      await site.stop();
    }
  });
}
