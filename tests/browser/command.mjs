// The command line, to whose answers those of the browsers are held.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `XCEPTION` names another one than that of the native tests. */
const XCEPTION =
  process.env.XCEPTION ?? fileURLToPath(new URL('../../target/release/xception', import.meta.url));

/** What `xception classify` answers on the CPU: an answer for each picture. */
export function classified(...args) {
  return JSON.parse(run(undefined, 'classify', '--json', '--backend', 'cpu', ...args));
}

/** The bytes of this model's file with numbers of another type. */
export function converted(model, dtype) {
  const folder = mkdtempSync(join(tmpdir(), 'xception-web-converted-'));
  const file = join(folder, 'model.safetensors');
  try {
    run(undefined, 'convert', model, file, '--dtype', dtype);
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What a command prints, in a folder. */
export function run(cwd, ...command) {
  assert.ok(existsSync(XCEPTION), `${XCEPTION} is not there: cargo build --release makes it.`);
  return execFileSync(XCEPTION, command, { cwd, encoding: 'utf8' });
}
