// A thread of the CPU backend that WebAssembly ends in the middle of its work, as when memory runs out: the
// page gets an error, and does not wait for ever.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import binaryen from '../../www/node_modules/binaryen/index.js';
import { PATIENCE, SITE, start } from './harness.mjs';

const MODULE = '/xception-web/wasm/threads_bg.wasm';
const THREAD = '/xception-web/thread.js';

const HEADERS = {
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** The same module, with its table of functions for JavaScript to reach. */
function withTable() {
  const module = binaryen.readBinary(readFileSync(join(SITE, MODULE)));
  module.addTableExport(binaryen.getTableInfo(module.getTableByIndex(0)).name, 'functions');
  return Buffer.from(module.emitBinary());
}

/** In the thread: once it stands ready its table is emptied, so that the first function of its work traps. */
const TRAP = `
  let functions;
  const instantiate = WebAssembly.instantiate;
  WebAssembly.instantiate = async (...given) => {
    const instance = await instantiate.call(WebAssembly, ...given);
    ({ functions } = instance.exports);
    return instance;
  };
  const post = self.postMessage;
  self.postMessage = (message) => {
    for (let at = 0; at < functions.length; at++) functions.set(at, null);
    post.call(self, message);
  };
`;

test(
  'a thread that traps is an error, and the next classifier works',
  { timeout: PATIENCE },
  async () => {
    const replaced = {
      [MODULE]: ['application/wasm', withTable()],
      [THREAD]: ['text/javascript', `{${TRAP}}\n${readFileSync(join(SITE, THREAD), 'utf8')}`],
    };
    let broken = true;
    const site = await start({
      first({ url }, response) {
        const file = broken && replaced[url];
        if (!file) return false;
        response.writeHead(200, { ...HEADERS, 'Content-Type': file[0] }).end(file[1]);
        return true;
      },
    });
    try {
      const page = await site.open('/');
      const classify = () =>
        page.evaluate(async () => {
          const { ImageClassifier } = await import('/xception-web/index.js');
          try {
            const classifier = await ImageClassifier.create({
              model: 'drawings',
              backend: 'cpu',
              threads: 2,
            });
            const { threads } = classifier.info;
            let label;
            // The kernels are warmed up, and there is more than one picture: each thread takes part in some.
            for (let i = 0; i < 20; i++) {
              const { predictions } = await classifier.classify('samples/umbrella.svg', {
                topK: 1,
              });
              [{ label }] = predictions;
            }
            return { threads, label };
          } catch ({ code, message }) {
            return { code, message };
          }
        });
      const { code, message } = await classify();
      assert.equal(code, 'backend-failed');
      assert.match(
        message,
        /^The cpu backend (could not be loaded|failed on this picture) \(.*unreachable/,
      );
      broken = false;
      assert.deepEqual(await classify(), { threads: 2, label: 'umbrella' });
    } finally {
      await site.stop();
    }
  },
);
