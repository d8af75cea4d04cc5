// Builds the package (dist/) and the page that uses it (dist/site/). The WebAssembly must be there
// already: build.sh at the top of the repository makes it.
//   node build.mjs [--modules cpu,relaxed,…] [--served]
// --modules: with these alone; what others would run is refused, or left to the CPU with the reason.
// --served: over what is there, which may be read meanwhile.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { COURIER, COURIER_POLICY, ISOLATION, POLICY } from './policy.mjs';
import { thirdParty } from './third-party.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const ALL = ['cpu', 'relaxed', 'threads', 'threads-simd128', 'ndarray', 'webgpu', 'keras', 'teach'];
const { values: given } = parseArgs({
  options: { modules: { type: 'string' }, served: { type: 'boolean' } },
});
const MODULES = given.modules?.split(',') ?? ALL;
const REGISTRY = JSON.parse(readFileSync('models/registry.json', 'utf8'));
const isBundled = ({ url }) => !url.startsWith('https:');
const BUNDLED = REGISTRY.filter(isBundled).map(({ url }) => `models/${url}`);
const needed = [...MODULES.map((name) => `pkg/${name}/xception_web_bg.wasm`), ...BUNDLED];
/** Parts of the page, in demo/, that are loaded when they are needed. */
const ROOMS = ['history', 'folder', 'speed', 'burn', 'teach'];
const missing = needed.filter((file) => !existsSync(file));
if (missing.length > 0) {
  console.error(`Missing: www/${missing.join(', www/')}. Run build.sh first.`);
  process.exit(1);
}

/** In place of a module that is left out: its WebAssembly is asked for first, and is not there. */
const ABSENT = `
  export default () => Promise.reject(new Error('This module is not built yet.'));
  export class Session {}
  export class KerasFile {}
  export class Lesson {}
  export const write = undefined, writeFromKeras = undefined;
  export const work = undefined, workFailed = undefined, threads = undefined;
`;

/** wasm.ts names the WebAssembly file; the generated default beside it would confuse bundlers. */
const oneAddress = {
  name: 'one-address',
  setup: ({ onLoad, onResolve }) => {
    onResolve({ filter: /^#pkg\// }, ({ path }) => {
      // A second copy has an instance of its own.
      const [, name, suffix = ''] = path.match(/^#pkg\/(.+?)(-again)?$/);
      return MODULES.includes(name)
        ? { path: `${process.cwd()}/pkg/${name}/xception_web.js`, suffix: suffix && '?again' }
        : { path: name, namespace: 'absent' };
    });
    onLoad({ filter: /.*/, namespace: 'absent' }, () => ({ contents: ABSENT }));
    onLoad({ filter: /pkg\/[\w-]+\/xception_web\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(
        /new URL\('xception_web_bg\.wasm', import\.meta\.url\)/g,
        'undefined',
      ),
    }));
  },
};

/** The port that the code on the page is given, in place of a worker's own. */
const givenPort = {
  name: 'given-port',
  setup: ({ onLoad }) =>
    onLoad({ filter: /src\/port\.ts$/ }, () => ({
      contents: 'given.start(); export const port = given, ending = end;',
    })),
};

/** Who loads a part of the package later has its errors' classes from the package. */
const errorsOfPackage = {
  name: 'errors-of-package',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\/errors\.js$/ }, () => ({ path: './index.js', external: true })),
};

/** Files for Node in place of those for browsers: `NAME.node.ts` for `NAME.ts`. */
const forNode = {
  name: 'for-node',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\/\w+\.js$/ }, ({ path, importer, resolveDir }) => {
      const file = join(resolveDir, path.replace('.js', '.node.ts'));
      // It may itself need what it stands for.
      return existsSync(file) && importer !== file ? { path: file } : undefined;
    }),
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

/** What the page loads when it is needed is a file of its own. */
const rooms = {
  name: 'rooms',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\// }, ({ path, kind }) =>
      kind === 'dynamic-import' ? { path, external: true } : undefined,
    ),
};

/** A registry entry, with what a bundled model's file itself says. */
function described(model) {
  if (!isBundled(model)) return model;
  const bytes = readFileSync(`models/${model.url}`);
  const header = bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE()));
  const about = JSON.parse(JSON.parse(header).__metadata__['xception-web']);
  return {
    ...model,
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    classes: about.config.classes,
    inputSize: about.preprocess.size,
  };
}

/** Which modules these are: with others a picture takes another time. */
const digest = createHash('sha256');
for (const name of MODULES) digest.update(readFileSync(`pkg/${name}/xception_web_bg.wasm`));

const define = { MODULES: JSON.stringify(digest.digest('hex').slice(0, 16)) };

const common = { bundle: true, format: 'esm', target: 'es2022', logLevel: 'warning' };
/** Small for who loads it as it is; whoever debugs has the sources by its map. */
const small = { ...common, minify: true, sourcemap: true };

if (!given.served) rmSync('dist', { recursive: true, force: true });
await build({
  ...small,
  entryPoints: ['src/index.ts', 'src/worker.ts', 'src/thread.ts'],
  outdir: 'dist',
  define,
  external: ['./inline.js', './more.js'],
  plugins: [oneAddress],
});
await build({
  ...small,
  entryPoints: ['src/more.ts'],
  outdir: 'dist',
  plugins: [errorsOfPackage],
});
// The worker's code for the page: in a function, which begins with nothing left of an earlier classifier.
const inline = await build({
  ...common,
  entryPoints: ['src/worker.ts'],
  minify: true,
  write: false,
  define,
  plugins: [oneAddress, givenPort],
});
writeFileSync(
  'dist/inline.js',
  `export function serve(given,end){${inline.outputFiles[0].text}}\n`,
);
await build({
  ...common,
  entryPoints: { node: 'src/index.ts', 'node-worker': 'src/node-worker.ts' },
  outdir: 'dist',
  platform: 'node',
  // What package.json says of the built files' effects is not so of their sources.
  ignoreAnnotations: true,
  define,
  external: ['./inline.js'],
  plugins: [oneAddress, forNode],
});
await build({
  ...small,
  entryPoints: ['src/element.ts'],
  outdir: 'dist',
  // One copy of the package, however it is come by.
  external: ['./index.js'],
});
// The worker against the modules' own declarations; `npm run check` holds it against src/pkg.d.ts.
const worker = MODULES.length === ALL.length ? 'tsconfig.modules.json' : 'tsconfig.worker.json';
for (const config of [worker, 'tsconfig.page.json']) {
  execFileSync('node_modules/.bin/tsc', ['-p', config], { stdio: 'inherit' });
}
for (const name of MODULES) {
  cpSync(`pkg/${name}/xception_web_bg.wasm`, `dist/wasm/${name}_bg.wasm`);
}
for (const file of BUNDLED) cpSync(file, `dist/${file}`);
if (existsSync('models/imagenet.json')) cpSync('models/imagenet.json', 'dist/models/imagenet.json');
writeFileSync('dist/models/registry.json', JSON.stringify(REGISTRY.map(described), null, 1));
// At the top of the package, where licence scanners look.
for (const name of ['LICENSE', 'NOTICES']) cpSync(`../${name}`, name);
writeFileSync('THIRD-PARTY.txt', thirdParty());

const published = [
  'index.js',
  'more.js',
  'element.js',
  'worker.js',
  'thread.js',
  'inline.js',
  'wasm',
  'models',
];
mkdirSync('dist/site', { recursive: true });
for (const name of published) {
  cpSync(`dist/${name}`, `dist/site/xception-web/${name}`, { recursive: true });
}
// Its scripts without their maps, which are not there.
for (const name of published.filter((name) => name.endsWith('.js'))) {
  const script = readFileSync(`dist/${name}`, 'utf8');
  writeFileSync(
    `dist/site/xception-web/${name}`,
    script.replace(/^\/\/# sourceMappingURL=.*\n/m, ''),
  );
}
await build({
  ...common,
  entryPoints: {
    app: 'demo/main.ts',
    courier: 'demo/courier.ts',
    style: 'demo/style.css',
    'room-style': 'demo/styles/room.css',
    'teach-style': 'demo/styles/teach.css',
    ...Object.fromEntries(ROOMS.map((name) => [name, `demo/${name}.ts`])),
  },
  outdir: 'dist/site',
  minify: true,
  plugins: [packageBeside, rooms],
});
for (const name of ['index.html', COURIER]) {
  // Lines and indents are for who writes it.
  writeFileSync(`dist/site/${name}`, readFileSync(name, 'utf8').replace(/\n\s*/g, ' '));
}
for (const name of ['icon.svg', 'icons', 'manifest.webmanifest', 'samples']) {
  cpSync(`demo/${name}`, `dist/site/${name}`, { recursive: true });
}
for (const [file, name] of Object.entries({
  LICENSE: 'licence',
  NOTICES: 'notices',
  'THIRD-PARTY.txt': 'third-party',
  'models/README.md': 'model-card',
})) {
  cpSync(file, `dist/site/about/${name}.txt`);
}

// Last: the service worker knows every other file by what it holds.
const files = Object.fromEntries(
  readdirSync('dist/site', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'sw.js')
    .map(({ parentPath, name }) => `${parentPath}/${name}`.replaceAll('\\', '/'))
    .sort()
    .map((path) => [path.slice('dist/site/'.length), halfDigest(readFileSync(path))]),
);
await build({
  ...common,
  format: 'iife',
  entryPoints: ['offline/sw.ts'],
  outdir: 'dist/site',
  minify: true,
  define: Object.fromEntries(
    Object.entries({
      BUILT_FILES: files,
      BUILT_SHELL: Object.keys(files).filter(isShell),
      BUILT_MODEL: `xception-web/models/${REGISTRY[0].url}`,
      BUILT_POLICY: POLICY,
      BUILT_COURIER: COURIER,
      BUILT_COURIER_POLICY: COURIER_POLICY,
      BUILT_ISOLATION: ISOLATION,
    }).map(([name, value]) => [name, JSON.stringify(value)]),
  ),
});

/** What the page is made of, its samples too; models and modules are kept when they are used; it has workers. */
function isShell(path) {
  return (
    !/\.(wasm|safetensors|txt)$|\/(inline|element)\.js$/.test(path) && !path.startsWith('icons/')
  );
}

/** Half of a SHA-256 tells two versions of a file apart. */
function halfDigest(bytes) {
  return createHash('sha256').update(bytes).digest().subarray(0, 16).toString('base64url');
}
