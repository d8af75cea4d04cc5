// Every example of the package's README is run as it stands there: scripts, and functions with what they ask for.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { FAKE_CAMERA, NO_GPU, PATIENCE, start } from './harness.mjs';

const WWW = new URL('../../www/', import.meta.url);
const { transform } = createRequire(new URL('package.json', WWW))('esbuild');

/** Each example with the heading that it stands under. */
const EXAMPLES = [
  ...readFileSync(new URL('README.md', WWW), 'utf8').matchAll(/^## (.*?)(?=^## |$(?![^]))/gms),
].flatMap(([section]) =>
  [...section.matchAll(/^```(?:js|ts)\n(.*?)^```/gms)].map(([, code]) => ({
    heading: /^## (.*)/.exec(section)[1],
    code,
  })),
);

/** An empty page at the top of the site, where the addresses of the examples begin. */
const PAGE = '/example.html';
/** How many lines an example that goes on for ever prints before it is stopped. */
const ENOUGH = 2;

/** Runs in the page: calls the example's function with what its parameters are named for. */
async function call({ url, name, parameters, enough }) {
  const { ImageClassifier } = await import('/xception-web/index.js');
  const example = await import(url);
  if (!name) return [];
  const abort = new AbortController();
  const photo = async (file) =>
    new File([await (await fetch(`samples/${file}`)).blob()], file, { type: 'image/jpeg' });
  const photos = async () => [await photo('espresso.jpg'), await photo('tabby.jpg')];
  const kit = {
    signal: () => abort.signal,
    classifier: () => ImageClassifier.create({ backend: 'cpu' }),
    model: () => 'photos',
    picture: () => photo('espresso.jpg'),
    canvas: () => document.createElement('canvas'),
    video: () => Object.assign(document.createElement('video'), { muted: true }),
    files: photos,
    cups: photos,
    pens: async () => [await photo('rocket.jpg'), await photo('uniform.jpg')],
  };
  const given = [];
  for (const parameter of parameters) {
    if (!kit[parameter]) throw new Error(`There is nothing for the parameter ${parameter}.`);
    given.push(await kit[parameter]());
  }
  const lines = [];
  const { log } = console;
  console.log = (...words) => {
    lines.push(words.join(' '));
    // What watches a camera ends only so.
    if (parameters.includes('video') && lines.length >= enough) abort.abort();
  };
  try {
    await example[name](...given);
  } catch (error) {
    lines.push(`${error.name} ${error.code}: ${error.message}`);
  }
  console.log = log;
  return lines;
}

describe('the examples of the README', { timeout: PATIENCE }, () => {
  let site;
  const scripts = new Map();
  before(async () => {
    const first = ({ url }, response) => {
      const script = scripts.get(url);
      if (script === undefined && url !== PAGE) return false;
      const type = script === undefined ? 'text/html' : 'text/javascript';
      response.writeHead(200, {
        'Content-Type': type,
        'Cross-Origin-Embedder-Policy': 'require-corp',
        'Cross-Origin-Opener-Policy': 'same-origin',
      });
      response.end(script ?? '<!doctype html><meta charset="utf-8" /><title>An example</title>');
      return true;
    };
    site = await start({ flags: [...NO_GPU, ...FAKE_CAMERA], first });
  });
  after(() => site.stop());

  for (const [i, { heading, code }] of EXAMPLES.entries()) {
    test(`${i + 1}, under ${heading}`, async () => {
      const plain = (await transform(code, { loader: 'ts', format: 'esm' })).code;
      if (/^Node/.test(heading)) return assert.equal(await inNode(plain), 'espresso\n');
      if (!/from 'xception-web'/.test(code)) {
        // A setting, of a tool that is not run here.
        const { default: settings } = await import(
          `data:text/javascript,${encodeURIComponent(plain)}`
        );
        return assert.equal(typeof settings, 'object');
      }
      const [, name, parameters = ''] = /async function (\w+)\(([^)]*)\)/.exec(code) ?? [];
      const url = `/example-${i}.js`;
      const end = name ? `\nexport { ${name} };` : '';
      scripts.set(url, plain.replace(/(["'])xception-web\1/g, "'/xception-web/index.js'") + end);
      const page = await site.open(PAGE);
      // Other hosts are none of this test's.
      await page.context().route(/^https:/, (route) => route.fulfill({ status: 503 }));
      const printed = [];
      // What the browser says itself is none of the example's.
      page.on('console', (message) => message.type() === 'log' && printed.push(message.text()));
      const names = parameters
        .split(',')
        .map((one) => one.split(':')[0].trim())
        .filter(Boolean);
      const what = { url, name, parameters: names, enough: ENOUGH };
      const lines = [...printed, ...(await page.evaluate(call, what)), ...printed].filter(Boolean);
      console.log(`${name ?? 'script'}: ${lines.join(' | ').slice(0, 200)}`);
      assert.ok(lines.length > 0, 'it prints something');
      const failures = lines.filter((line) => /^\w*Error\b/.test(line));
      // One loads a published model, and gets as far as its host.
      const isDownload = code.includes('legacy_xception.tf_in1k');
      assert.equal(failures.length, isDownload ? 1 : 0, failures.join('\n'));
      if (isDownload) assert.match(failures[0], /^DownloadError (http-error|cors)/);
      await page.close();
    });
  }
});

/** What it prints in Node, in the folder of its picture. */
async function inNode(code) {
  const entry = pathToFileURL(fileURLToPath(new URL('dist/node.js', WWW))).href;
  const program = code.replace(/(["'])xception-web\1/g, JSON.stringify(entry));
  const cwd = fileURLToPath(new URL('demo/samples/', WWW));
  const args = ['--input-type=module', '-e', program];
  return (await promisify(execFile)(process.execPath, args, { cwd })).stdout;
}
