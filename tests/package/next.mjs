// An app of Next.js that imports the package on the server and in the browser, built as for production.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Program } from '../engines/driver.mjs';
import { HERE, WWW, bin, project, reader as readerOf } from './consumer.mjs';

/** Asking nobody for anything; and what it names on the server. */
const SETTINGS = {
  NEXT_TELEMETRY_DISABLED: '1',
  NODE_ENV: 'production', // Which other bundlers here set as they like.
  PICTURE: join(WWW, 'demo/samples/espresso.jpg'),
};

/** Tests of the package where it has been unpacked. */
export function inNext() {
  describe('in Next.js', () => {
    let reader, server, origin;
    before(async () => {
      const root = project('next');
      cpSync(join(HERE, 'next'), root, { recursive: true });
      const env = { ...process.env, ...SETTINGS };
      execFileSync(bin('next'), ['build'], { cwd: root, env, stdio: 'pipe' });
      server = new Program(
        bin('next'),
        ['start', root, '--hostname', 'localhost', '-p', '0'],
        SETTINGS,
      );
      origin = await server.when((said) => /http:\/\/localhost:\d+/.exec(said)?.[0]);
      reader = await readerOf();
    });
    after(async () => {
      await reader?.close();
      await server?.end();
    });

    test('is imported where pages are rendered, without a document', async () => {
      const page = await (await fetch(origin)).text();
      assert.match(page, /<p>function,function<\/p>/);
    });

    test('works in the browser, bundled and minified without any setting', async () => {
      assert.equal(await reader.title(origin), 'photos: cat');
    });

    test('names a picture on the server', async () => {
      assert.equal(await (await fetch(`${origin}/api`)).text(), 'espresso on cpu');
    });
  });
}
