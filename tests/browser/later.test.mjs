// What most pages never ask for is a file of its own, fetched when something of it is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLANK, PATIENCE, start } from './harness.mjs';

test('what few need is fetched when it is asked for, and once', { timeout: PATIENCE }, async () => {
  const site = await start();
  try {
    const page = await site.open(BLANK);
    const asked = () => site.requests.filter((url) => url.endsWith('/more.js')).length;
    await page.evaluate(async () => {
      const { ImageClassifier, models } = await import('/xception-web/index.js');
      const classifier = await ImageClassifier.create({ model: 'drawings', backend: 'cpu' });
      await classifier.classify('/samples/cat.svg');
      await classifier.embed('/samples/cat.svg');
      await models.list();
      classifier.dispose();
    });
    assert.equal(asked(), 0);
    const errors = await page.evaluate(async () => {
      const { DownloadError, ImageClassifier, OptionError, packFiles } =
        await import('/xception-web/index.js');
      const failed = async (work, type) => {
        const error = await work.then(
          () => 'nothing went wrong',
          (error) => error,
        );
        return [error instanceof type, String(error.message)];
      };
      return [
        await failed(packFiles([]), OptionError),
        await failed(ImageClassifier.create({ model: 'hf:nobody' }), OptionError),
        // The policy of this site lets nobody ask the hub unasked.
        await failed(ImageClassifier.create({ model: 'hf:some/model' }), DownloadError),
      ];
    });
    for (const [isOfItsClass, message] of errors) assert.ok(isOfItsClass, message);
    assert.equal(asked(), 1);
  } finally {
    await site.stop();
  }
});

test('where that file is missing, an error says so', { timeout: PATIENCE }, async () => {
  const site = await start({
    first({ url }, response) {
      if (!url.endsWith('/more.js')) return false;
      response.writeHead(404).end();
      return true;
    },
  });
  try {
    const page = await site.open(BLANK);
    const said = await page.evaluate(async () => {
      const { DownloadError, packFiles } = await import('/xception-web/index.js');
      const error = await packFiles([]).catch((error) => error);
      return [error instanceof DownloadError, error.code, error.message, String(error.cause)];
    });
    assert.deepEqual(said.slice(0, 2), [true, 'network'], said[2]);
    assert.match(said[2], /^A part of the package, more\.js, could not be loaded \(.*\)\. Serve/);
    assert.match(said[3], /TypeError/);
  } finally {
    await site.stop();
  }
});
