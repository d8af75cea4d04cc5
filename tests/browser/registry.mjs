// The models of the registry, as tests know them.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SITE } from './harness.mjs';

export const LIST = '/xception-web/models/registry.json';
export const REGISTRY = JSON.parse(readFileSync(join(SITE, LIST), 'utf8'));

export const bundled = (id) => readFileSync(join(SITE, `xception-web/models/${id}.safetensors`));
export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** A published one, whose host's answers the tests give. */
export const HOSTED = REGISTRY.findIndex(({ url }) => url.startsWith('https://huggingface.co/'));
/** What that host answers with. */
export const MODEL = bundled('drawings');
export const CORS = { 'Access-Control-Allow-Origin': '*' };

/** What the bundled file says it is. */
const ARCHITECTURE = JSON.parse(
  JSON.parse(MODEL.subarray(8, 8 + Number(MODEL.readBigUInt64LE()))).__metadata__['xception-web'],
).config.architecture;

/** A registry one of whose published files is a bundled one. */
export const LISTED = REGISTRY.with(HOSTED, {
  ...REGISTRY[HOSTED],
  architecture: ARCHITECTURE,
  bytes: MODEL.length,
  sha256: undefined,
  classes: REGISTRY.find(({ id }) => id === 'drawings').classes,
});

/** Answers as a server whose registry is that; with `asked`, counts who is asked. */
export function listing(asked = {}) {
  return ({ url }, response) => {
    asked[url] = (asked[url] ?? 0) + 1;
    if (url.split('?')[0] !== LIST) return false;
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(LISTED));
    return true;
  };
}

/** Creates a classifier in a page; what came of it, and what is stored afterwards. */
export const create = (page, options) =>
  page.evaluate(async (options) => {
    const { ImageClassifier, models } = await import('/xception-web/index.js');
    const outcome = await ImageClassifier.create({ backend: 'cpu', ...options }).then(
      (classifier) => {
        classifier.dispose();
        return { info: classifier.info };
      },
      ({ name, code, message }) => ({ name, code, message }),
    );
    return { ...outcome, stored: await models.cached() };
  }, options);
