// The development server and the build, where they are not used as usual.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { served } from './harness.mjs';

const WWW = fileURLToPath(new URL('../../www/', import.meta.url));

/** The status of an address that `fetch` would tidy up first. */
function status(port, path) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', reject);
    socket.on('data', (data) => {
      socket.destroy();
      resolve(Number(String(data).split(' ')[1]));
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  });
}

test(
  'the server answers for folders and for nonsense, and lives on',
  { timeout: 30_000 },
  async () => {
    const root = mkdtempSync(join(tmpdir(), 'xception-web-root-'));
    mkdirSync(join(root, 'samples'));
    writeFileSync(join(root, 'index.html'), '<!doctype html>');
    // There, a file, and nobody's to read: what is at its beginning is no memory of anything.
    symlinkSync('/proc/self/mem', join(root, 'unreadable.txt'));
    const server = await served({ root });
    try {
      const { port } = server;
      const broken = await fetch(`${server.origin}/unreadable.txt`).catch((error) => error);
      assert.ok(broken instanceof TypeError, String(broken));
      for (const path of ['/samples', '/samples/', '/none', '/%', '/%00', '//', '/../secret']) {
        assert.equal(await status(port, path), 404, path);
      }
      assert.equal(await status(port, '/'), 200);
    } finally {
      server.stop();
      rmSync(root, { recursive: true });
    }
  },
);

test('the build finds its files in a folder with spaces and signs', async () => {
  const root = mkdtempSync(join(tmpdir(), 'xception web ü % #-'));
  try {
    const www = join(root, 'www');
    cpSync(join(WWW, 'scripts'), join(www, 'scripts'), { recursive: true });
    cpSync(join(WWW, 'models/registry.json'), join(www, 'models/registry.json'));
    symlinkSync(join(WWW, 'node_modules'), join(www, 'node_modules'));
    // Nothing is compiled there: it says so, having found where it is.
    const said = await new Promise((resolve) =>
      execFile(process.execPath, [join(www, 'scripts/build.mjs')], (_, out, errors) =>
        resolve(out + errors),
      ),
    );
    assert.match(said, /^Missing: www\/pkg\/cpu\/.* Run build\.sh first\.$/m);
  } finally {
    rmSync(root, { recursive: true });
  }
});
