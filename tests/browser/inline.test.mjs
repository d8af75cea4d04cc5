// Files that a bundler has put into their addresses: they are unpacked where a policy forbids to fetch them.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const WWW = new URL('../../www/', import.meta.url);
const { build } = createRequire(new URL('package.json', WWW))('esbuild');
const TEXT = JSON.stringify([{ title: 'ü – 100 % #1, "quoted"' }]);

describe('a file inside its address', () => {
  let download;
  let open;
  before(async () => {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL('src/fetch.ts', WWW))],
      bundle: true,
      format: 'esm',
      write: false,
    });
    ({ download, open } = await import(
      `data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`
    ));
    globalThis.fetch = () => {
      throw new TypeError('The policy forbids it.');
    };
  });

  const base64 = Buffer.from(TEXT).toString('base64');
  for (const [how, address] of [
    ['in base64', `data:application/json;base64,${base64}`],
    ['in base64 with its signs escaped', `data:application/json;base64,${escape(base64)}`],
    ['as text', `data:application/json,${encodeURIComponent(TEXT)}`],
    ['with more than a type', `data:application/json;charset=utf-8;base64,${base64}`],
    ['before a mark', `data:application/json;base64,${base64}#here`],
  ]) {
    test(`comes out ${how}`, async () => {
      const url = new URL(address).href;
      assert.equal(new TextDecoder().decode(await download({ url, what: 'the list' })), TEXT);
      const { headers } = await open({ url, what: 'the list' });
      assert.match(headers.get('content-type'), /^application\/json/);
    });
  }

  for (const [what, url, code] of [
    ['no file', 'data:nothing', 'network'],
    ['a broken file', 'data:application/json;base64,=a=', 'network'],
    ['an empty file', 'data:application/json,', 'truncated'],
    ['a web page', 'data:text/html,<p>', 'html-answer'],
  ]) {
    test(`is refused: ${what}`, async () => {
      const error = await download({ url, what: 'the list' }).catch((error) => error);
      assert.deepEqual([error.name, error.code], ['DownloadError', code], error.message);
    });
  }
});

function escape(text) {
  return text.replace(/[+/=]/g, encodeURIComponent);
}
