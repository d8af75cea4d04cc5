// The package where there is no browser: in what a server runs, and in what is built for one.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { HERE, WORK, WWW, bin, project } from './consumer.mjs';

/** Tests of the package where it has been unpacked. */
export function onServers() {
  describe('on a server', () => {
    // As a server that renders pages does: nothing of a browser is there.
    for (const conditions of [[], ['--conditions=browser']]) {
      test(`is imported in Node without a browser's globals ${conditions}`, () => {
        const program = `const { ImageClassifier, models } = await import('xception-web');
          if (!ImageClassifier.create || !models.list) throw new Error('not whole');
          await import('xception-web/element');`;
        const flags = [...conditions, '--input-type=module', '-e', program];
        execFileSync(process.execPath, flags, { cwd: WORK, stdio: 'inherit' });
      });
    }

    // Next.js and the like bundle what their pages import for the server too, by webpack.
    test('is imported in a page that is built for a server', async () => {
      const { default: webpack } = await import('webpack');
      const root = project('server');
      const path = join(root, 'dist');
      writeFileSync(
        join(root, 'page.js'),
        `import { ImageClassifier, models } from 'xception-web';
         import 'xception-web/element';
         export const render = () =>
           [ImageClassifier.create, models.list, globalThis.document].map((one) => typeof one).join();
         console.log(render());`,
      );
      const stats = await promisify(webpack)({
        context: root,
        entry: './page.js',
        mode: 'production',
        target: 'node20',
        experiments: { outputModule: true },
        output: { path, filename: 'page.mjs', module: true, chunkFormat: 'module' },
        performance: { hints: false },
      });
      assert.deepEqual(stats.toJson().errors, []);
      const said = execFileSync(process.execPath, [join(path, 'page.mjs')], { encoding: 'utf8' });
      assert.equal(said, 'function,function,undefined\n');
    });

    for (const [runtime, command] of Object.entries({
      Node: [process.execPath],
      Bun: [bin('bun')],
      Deno: [bin('deno'), 'run', '--allow-all', '--no-remote'],
    })) {
      test(`names a picture in ${runtime}`, () => {
        copyFileSync(join(HERE, 'server.mjs'), join(WORK, 'server.mjs'));
        const [program, ...flags] = command;
        const args = [...flags, 'server.mjs', join(WWW, 'demo/samples/espresso.jpg')];
        const said = execFileSync(program, args, { cwd: WORK, encoding: 'utf8' });
        assert.equal(said, 'espresso 54 % on cpu\n');
      });
    }
  });
}
