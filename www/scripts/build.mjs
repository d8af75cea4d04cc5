// Builds the package (dist/) and the page that uses it (dist/site/). The WebAssembly must be there
// already: build.sh at the top of the repository makes it.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { thirdParty } from './third-party.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const MODULES = ['cpu', 'relaxed', 'threads', 'threads-simd128', 'ndarray', 'webgpu', 'keras'];
const MODEL = 'models/emoji.safetensors';
const needed = [...MODULES.map((name) => `pkg/${name}/xception_web_bg.wasm`), MODEL];
const missing = needed.filter((file) => !existsSync(file));
if (missing.length > 0) {
  console.error(`Missing: www/${missing.join(', www/')}. Run build.sh first.`);
  process.exit(1);
}

/** wasm.ts names the WebAssembly file; the generated default beside it would confuse bundlers. */
const oneAddress = {
  name: 'one-address',
  setup: ({ onLoad, onResolve }) => {
    onResolve({ filter: /^#pkg\// }, ({ path }) => ({
      path: `${process.cwd()}/pkg/${path.slice('#pkg/'.length)}/xception_web.js`,
    }));
    onLoad({ filter: /pkg\/[\w-]+\/xception_web\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(
        /new URL\('xception_web_bg\.wasm', import\.meta\.url\)/g,
        'undefined',
      ),
    }));
  },
};

/** The page loads the package as it is published, from a folder beside it. */
const packageBeside = {
  name: 'package-beside',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^xception-web$/ }, () => ({
      path: './xception-web/index.js',
      external: true,
    })),
};

/** The registry, with what the bundled model's file itself says. */
function registry() {
  const [bundled, ...published] = JSON.parse(readFileSync('models/registry.json', 'utf8'));
  const bytes = readFileSync(MODEL);
  const header = bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE()));
  const about = JSON.parse(JSON.parse(header).__metadata__['xception-web']);
  const facts = {
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    classes: about.config.classes,
    inputSize: about.preprocess.size,
  };
  return [{ ...bundled, ...facts }, ...published];
}

const common = { bundle: true, format: 'esm', target: 'es2022', logLevel: 'warning' };

rmSync('dist', { recursive: true, force: true });
await build({
  ...common,
  entryPoints: ['src/index.ts', 'src/worker.ts', 'src/thread.ts'],
  outdir: 'dist',
  // Indentation is a seventh of what would be sent; names stay, for whoever debugs.
  minifyWhitespace: true,
  plugins: [oneAddress],
});
// The worker against the modules' own declarations; `npm run check` holds it against src/pkg.d.ts.
for (const config of ['tsconfig.modules.json', 'tsconfig.page.json']) {
  execFileSync('node_modules/.bin/tsc', ['-p', config], { stdio: 'inherit' });
}
for (const name of MODULES) {
  cpSync(`pkg/${name}/xception_web_bg.wasm`, `dist/wasm/${name}_bg.wasm`);
}
cpSync(MODEL, 'dist/models/emoji.safetensors');
if (existsSync('models/imagenet.json')) cpSync('models/imagenet.json', 'dist/models/imagenet.json');
writeFileSync('dist/models/registry.json', JSON.stringify(registry(), null, 1));
// At the top of the package, where licence scanners look.
for (const name of ['LICENSE', 'NOTICES']) cpSync(`../${name}`, name);
writeFileSync('THIRD-PARTY.txt', thirdParty());

const published = ['index.js', 'worker.js', 'thread.js', 'wasm', 'models'];
mkdirSync('dist/site');
for (const name of published) {
  cpSync(`dist/${name}`, `dist/site/xception-web/${name}`, { recursive: true });
}
await build({
  ...common,
  entryPoints: { app: 'demo/main.ts', style: 'demo/style.css' },
  outdir: 'dist/site',
  minify: true,
  plugins: [packageBeside],
});
cpSync('index.html', 'dist/site/index.html');
cpSync('demo/icon.svg', 'dist/site/icon.svg');
cpSync('demo/samples', 'dist/site/samples', { recursive: true });
for (const [file, name] of Object.entries({
  LICENSE: 'licence',
  NOTICES: 'notices',
  'THIRD-PARTY.txt': 'third-party',
  'models/README.md': 'model-card',
})) {
  cpSync(file, `dist/site/about/${name}.txt`);
}
