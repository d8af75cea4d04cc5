// The command line, to whose answers those of the browsers are held.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** `XCEPTION` names another one than that of the native tests. */
const XCEPTION =
  process.env.XCEPTION ?? fileURLToPath(new URL('../../target/release/xception', import.meta.url));

/** What `xception classify` answers on the CPU: an answer for each picture. */
export function classified(...args) {
  assert.ok(existsSync(XCEPTION), `${XCEPTION} is not there: cargo build --release makes it.`);
  const command = ['classify', '--json', '--backend', 'cpu', ...args];
  return JSON.parse(execFileSync(XCEPTION, command, { encoding: 'utf8' }));
}
