// What the READMEs show and other tests do not run: what their first examples print, and that settings and commands
// are those of the programs.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ISOLATION } from '../../www/scripts/policy.mjs';
import { run } from './command.mjs';
import { PATIENCE, start } from './harness.mjs';

const TOP = fileURLToPath(new URL('../../', import.meta.url));
const read = (path) => readFileSync(TOP + path, 'utf8');
const [OURS, PACKAGES] = ['README.md', 'www/README.md'].map(read);

test('the first examples print what the READMEs say', { timeout: PATIENCE }, async () => {
  const site = await start();
  try {
    const page = await site.open();
    const printed = async (code) => {
      const lines = [];
      page.on('console', (message) => message.type() === 'log' && lines.push(message.text()));
      const module = code.replace("'xception-web'", "'/xception-web/index.js'");
      await page.evaluate(
        (body) => new (async () => {}).constructor(body)(),
        module.replace(/import (\{.*?\}) from (.*?);/, 'const $1 = await import($2);'),
      );
      page.removeAllListeners('console');
      return lines.join('\n');
    };
    const [, code, said] = PACKAGES.match(/```js\n(.*?)```\s+prints\s+```text\n(.*?)```/s);
    assert.equal(await printed(code), said.trim());
    // It says what it prints beside the line that does.
    const [, ours, label] = OURS.match(/```js\n(.*?\/\/ (.*?)\n)```/s);
    assert.match(await printed(ours), new RegExp(`^cpu - .*running on the CPU\\.\n${label}$`));
  } finally {
    await site.stop();
  }
});

test('the command line prints what the README says', () => {
  const [, command, said] = OURS.match(/```console\n\$ cargo run .*? -- (.*?)\n(.*?)```/s);
  assert.equal(run(TOP, ...command.split(' ')), said);
});

test('every option that a README names in a command is one', () => {
  const commands = [...OURS.matchAll(/^```sh\n(.*?)^```/gms)]
    .flatMap(([, lines]) => lines.split('\n'))
    .map((line) =>
      /(?:^|-- )(?:xception )?(\w+)( .*?)(#|$)/.exec(line.replace(/^cargo .*? -- /, '')),
    )
    .filter((found) => found && /^(train|eval|calibrate|classify)$/.test(found[1]));
  assert.ok(commands.length >= 7, `${commands.length} commands`);
  // And those of the table of commands.
  const [, table] = OURS.match(/^\| command \| what it does \|\n(.*?)\n\n/ms);
  const rows = [...table.matchAll(/^\| `(\w+)(?: [^`]*)?` \| (.*) \|$/gm)];
  assert.ok(rows.length >= 9, `${rows.length} rows`);
  for (const [, name, text] of [...commands, ...rows]) {
    const help = run(TOP, name, '--help');
    for (const [option] of text.matchAll(/--[a-z][\w-]*/g)) {
      assert.ok(help.includes(option), `xception ${name} has no ${option}`);
    }
  }
});

test('the settings of the package’s README are those that are tested', () => {
  const [, manifest] = PACKAGES.match(/^```json\n(.*?)^```/ms);
  const whole = JSON.parse(read('tests/package/extension/manifest.json'));
  for (const [key, value] of Object.entries(JSON.parse(manifest))) {
    assert.deepEqual(whole[key], value, key);
  }
  const headers = [...PACKAGES.matchAll(/^(Cross-Origin-[\w-]+): (.*)$/gm)];
  assert.deepEqual(Object.fromEntries(headers.map(([, name, value]) => [name, value])), ISOLATION);
});
