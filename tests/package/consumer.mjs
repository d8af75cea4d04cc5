// The package as its users have it: packed, and unpacked where Node and the bundlers look for packages.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { served } from '../browser/harness.mjs';

export const HERE = fileURLToPath(new URL('.', import.meta.url));
export const WWW = fileURLToPath(new URL('../../www/', import.meta.url));
export const WORK = join(HERE, 'work');
/** It depends on nothing. */
export const PACKAGE = join(WORK, 'node_modules/xception-web');

export const ofWww = createRequire(join(WWW, 'package.json'));
const { chromium } = ofWww('playwright-core');

/** Of the package. */
export const README = readFileSync(join(WWW, 'README.md'), 'utf8');

/** A program among those that the tests install. */
export const bin = (name) => join(HERE, 'node_modules/.bin', name);

/** The name of the packed file, in `WORK`. */
export function pack() {
  rmSync(WORK, { recursive: true, force: true });
  mkdirSync(PACKAGE, { recursive: true });
  const options = { cwd: WORK, encoding: 'utf8' };
  const said = execFileSync('npm', ['pack', WWW, '--json', '--silent'], options);
  const [{ filename }] = JSON.parse(said);
  execFileSync('tar', ['-xzf', join(WORK, filename), '--strip-components=1', '-C', PACKAGE]);
  return filename;
}

/** A fresh folder with the program and its picture. */
export function project(name) {
  const root = join(WORK, name);
  mkdirSync(join(root, 'public'), { recursive: true });
  copyFileSync(join(HERE, 'main.js'), join(root, 'main.js'));
  copyFileSync(join(WWW, 'demo/samples/cat.svg'), join(root, 'public/cat.svg'));
  return root;
}

/** What the README says that a page must allow, and nothing else. */
export function policy() {
  const [, sources] = README.match(/content security policy needs\s(.*?) for SVG pictures/s);
  const directives = [...sources.matchAll(/`([^`]+)`/g)].map(([, directive]) => directive);
  if (directives.length < 4) throw new Error(`The README allows ${directives.join(', ')}.`);
  return ["default-src 'none'", ...directives].join('; ');
}

/** A browser that reads what the program has made of a page's title. */
export async function reader() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });

  async function title(url) {
    const tab = await browser.newPage();
    try {
      await tab.goto(url);
      await tab.waitForFunction(() => document.title !== 'waiting');
      return await tab.title();
    } finally {
      await tab.close();
    }
  }

  /** Of the page of a folder. */
  async function says(root, headers, path = '') {
    const site = await served({ root, headers });
    try {
      return await title(`${site.origin}/${path}`);
    } finally {
      site.stop();
    }
  }

  return { says, title, close: () => browser.close() };
}
