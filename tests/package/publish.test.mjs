// What publishing would send, in a copy that knows where it is from; nothing is sent.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const TOP = fileURLToPath(new URL('../../', import.meta.url));
const ADDRESS = 'https://git.example/somebody/xception-web';

describe('publishing', { timeout: 120_000 }, () => {
  let copy;
  const read = (path) => readFileSync(join(copy, path), 'utf8');
  const run = (command, args, { cwd = copy, ...env } = {}) =>
    spawnSync(command, args, { cwd, encoding: 'utf8', env: { ...process.env, ...env } });
  const origin = (args, env) =>
    run(process.execPath, [join(copy, 'www/scripts/origin.mjs'), ...args], {
      GITHUB_SERVER_URL: '',
      GITHUB_REPOSITORY: '',
      ...env,
    });

  before(() => {
    copy = mkdtempSync(join(tmpdir(), 'xception-web-publish-'));
    const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
    const files = execFileSync('git', list, { cwd: TOP, encoding: 'utf8' }).split('\0');
    for (const file of files.filter(Boolean)) {
      cpSync(join(TOP, file), join(copy, file), { recursive: dirname(file) !== '.' });
    }
    // What is built, and what npm packs of it.
    for (const built of ['dist', 'LICENSE', 'NOTICES', 'THIRD-PARTY.txt']) {
      cpSync(join(TOP, 'www', built), join(copy, 'www', built), { recursive: true });
    }
  });
  after(() => rmSync(copy, { recursive: true, force: true }));

  test('is refused in one sentence where nothing says from where', () => {
    const manifest = read('www/package.json');
    for (const [args, words] of [
      [[], /^Nothing says where this is published from\. Give it as https:/],
      [['somewhere'], /^somewhere is no address of a repository\. Give it as https:/],
      [['https://git.example/alone'], /is no address of a repository/],
    ]) {
      const { status, stderr } = origin(args);
      assert.equal(status, 2);
      assert.match(stderr, words);
    }
    assert.equal(read('www/package.json'), manifest);
  });

  test('writes where everything is from, by the workflow’s word or an address', () => {
    const workflow = { GITHUB_SERVER_URL: 'https://git.example', GITHUB_REPOSITORY: 'other/name' };
    assert.equal(origin([], workflow).stdout, 'https://git.example/other/name\n');
    assert.equal(origin([`${ADDRESS}.git`], workflow).stdout, `${ADDRESS}\n`);
    const { repository, homepage, bugs } = JSON.parse(read('www/package.json'));
    assert.deepEqual(
      { repository, homepage, bugs },
      {
        repository: { type: 'git', url: `git+${ADDRESS}.git`, directory: 'www' },
        homepage: `${ADDRESS}#readme`,
        bugs: { url: `${ADDRESS}/issues` },
      },
    );
    const steps = read('.github/workflows/publish.yml');
    const said = steps.indexOf('node www/scripts/origin.mjs');
    assert.ok(said > 0 && said < steps.indexOf('npm publish ./www --provenance'));
  });

  test('sends the package without a warning', () => {
    const args = ['publish', '--dry-run', '--json', '--ignore-scripts'];
    const { status, stderr } = run('npm', args, { cwd: join(copy, 'www') });
    assert.equal(status, 0, stderr);
    // Who would publish it is no matter of the package.
    const warnings = stderr.split('\n').filter((line) => /^npm warn/i.test(line));
    assert.deepEqual(
      warnings.filter((line) => !/requires you to be logged in/.test(line)),
      [],
    );
  });

  test('sends the crates without their tests, and without another warning', () => {
    const crates = ['xception-kernels', 'xception-web'].flatMap((name) => ['--package', name]);
    const args = ['publish', '--dry-run', '--no-verify', '--allow-dirty', ...crates];
    const { status, stderr } = run('cargo', args);
    assert.equal(status, 0, stderr);
    const warnings = stderr.split('\n').filter((line) => /^warning/.test(line));
    const left =
      /^warning: ignoring (test|benchmark) `\w+` as `tests\/[\w/]+\.rs` is not included in/;
    assert.deepEqual(
      new Set(warnings.filter((line) => !left.test(line))),
      new Set(['warning: aborting upload due to dry run']),
    );
  });
});
