// What the browser is served: our package as built, the peers as published, models and the page.

import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { modules } from './roofline.mjs';

export const ROOT = resolve(import.meta.dirname, '../..');
export const MODELS = join(ROOT, 'target/bench');
export const SITE = join(MODELS, 'site');
export const PYTHON = join(MODELS, 'venv/bin/python');
export const XCEPTION = join(ROOT, 'target/release/xception');
export const require = createRequire(join(ROOT, 'www/package.json'));
const HERE = import.meta.dirname;

const run = (command, ...args) => {
  console.error(`$ ${[command, ...args].join(' ')}`.replaceAll(`${ROOT}/`, ''));
  execFileSync(command, args, { cwd: ROOT, stdio: ['ignore', 2, 'inherit'] });
};
const older = (made, ...sources) =>
  !existsSync(made) || sources.some((source) => statSync(source).mtimeMs > statSync(made).mtimeMs);

/** Makes what `rows` need; returns why a model is absent, by its file's name. */
export async function prepare(rows) {
  const absent = {};
  mkdirSync(MODELS, { recursive: true });
  const peers = rows.filter(({ ours }) => !ours);
  if (rows.some(({ pipeline }) => !pipeline)) {
    run('cargo', 'build', '--release', '--bin', 'xception');
    const model = join(MODELS, 'xception.safetensors');
    if (older(model, XCEPTION)) run(XCEPTION, 'bench', '--save', model);
    if (peers.length > 0) pythonModels(model);
    else if (older(join(MODELS, 'logits'), model)) ownLogits();
    if (rows.some(({ dtype }) => dtype === 'q8')) {
      const made = join(MODELS, 'xception-q8.safetensors');
      const { status, stderr } = spawnSync(XCEPTION, ['convert', model, made, '--dtype', 'q8'], {
        encoding: 'utf8',
      });
      if (status !== 0) absent['xception-q8.safetensors'] = stderr.trim().replace(/^error: /, '');
    }
  }
  if (peers.some(({ place }) => place === 'browser')) {
    if (older(join(HERE, 'node_modules/.package-lock.json'), join(HERE, 'package-lock.json'))) {
      run('npm', 'ci', '--prefix', 'tests/bench');
    }
  }
  await site([...new Set(rows.flatMap(({ peer }) => peer ?? []))]);
  return absent;
}

function pythonModels(model) {
  const [needs, stamp] = [join(HERE, 'requirements.txt'), join(MODELS, 'venv/installed')];
  if (older(stamp, needs)) {
    run('python3', '-m', 'venv', join(MODELS, 'venv'));
    run(PYTHON, '-m', 'pip', 'install', '--quiet', '-r', needs);
    writeFileSync(stamp, '');
  }
  // Among others the logits of native onnxruntime, by which every row is checked.
  const script = join(HERE, 'models.py');
  if (older(join(MODELS, 'xception.onnx'), model, script) || older(join(MODELS, 'logits'), model))
    run(PYTHON, script, MODELS);
}

/** Without peers nothing else need be installed: our native build is the reference. */
function ownLogits() {
  const answer = execFileSync(XCEPTION, ['bench', '--json', '--runs', '1'], { encoding: 'utf8' });
  writeFileSync(
    join(MODELS, 'logits'),
    Buffer.from(Float32Array.from(JSON.parse(answer).logits).buffer),
  );
}

async function site(peers) {
  const dist = join(ROOT, 'www/dist');
  if (!existsSync(join(dist, 'worker.js')))
    throw new Error('www/dist is missing; run ./build.sh first');
  rmSync(SITE, { recursive: true, force: true });
  mkdirSync(SITE, { recursive: true });
  const hooks = readFileSync(join(HERE, 'hooks.js'), 'utf8');
  writeFileSync(join(SITE, 'hooks.js'), hooks);
  cpSync(join(HERE, 'page.html'), join(SITE, 'index.html'));
  cpSync(dist, join(SITE, 'xception-web'), {
    recursive: true,
    filter: (source) => source !== join(dist, 'site'),
  });
  const worker = join(SITE, 'xception-web/worker.js');
  writeFileSync(worker, hooks + readFileSync(worker, 'utf8'));
  symlinkSync(MODELS, join(SITE, 'models'));
  symlinkSync(join(HERE, 'node_modules'), join(SITE, 'node_modules'));
  await require('esbuild').build({
    entryPoints: [join(HERE, 'page.mjs'), ...peers.map((peer) => join(HERE, `peers/${peer}.mjs`))],
    outdir: SITE,
    outbase: HERE,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
    external: ['/xception-web/*', './peers/*'],
  });
  const { default: binaryen } = await import(require.resolve('binaryen'));
  for (const [kind, bytes] of modules(binaryen))
    writeFileSync(join(SITE, `roofline-${kind}.wasm`), bytes);
}
