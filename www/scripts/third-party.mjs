// The crates that are compiled into the WebAssembly, with the notices that their licences ask for.
// Printed by itself: node scripts/third-party.mjs

import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MANIFEST = fileURLToPath(new URL('../../Cargo.toml', import.meta.url));
const WASM = 'wasm32-unknown-unknown';
const FEATURES = 'cpu,keras,ndarray,webgpu';
const LICENCE_FILE = /^(licen[cs]e|copying|notice|unlicense)/i;

/** Every crate that a module links to; macros and build scripts stay on the builder's machine. */
function crates() {
  const features = ['--no-default-features', '--features', FEATURES];
  const linked = new Set(
    cargo(
      'tree',
      '--package',
      'xception-web',
      '--edges',
      'normal,no-proc-macro',
      '--target',
      WASM,
      '--prefix',
      'none',
      ...features,
    )
      .split('\n')
      .map((line) => line.split(' ', 2).join(' ')),
  );
  const { packages, workspace_members } = JSON.parse(
    // Filtered, so that nothing is downloaded that only other platforms need.
    cargo('metadata', '--format-version', '1', '--filter-platform', WASM, ...features),
  );
  return packages
    .filter(
      ({ id, name, version }) =>
        !workspace_members.includes(id) && linked.has(`${name} v${version}`),
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function cargo(command, ...options) {
  const all = [command, '--locked', '--manifest-path', MANIFEST, ...options];
  return execFileSync('cargo', all, { encoding: 'utf8', maxBuffer: 1 << 28 });
}

/** The texts in a crate's folder: of several licences to choose from, MIT's, which is short. */
function texts({ manifest_path, license_file }) {
  const folder = dirname(manifest_path);
  const files = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && LICENCE_FILE.test(entry.name))
    .map(({ name }) => name);
  const mit = files.filter((name) => /mit/i.test(name));
  const notices = files.filter((name) => /^notice/i.test(name));
  const chosen = mit.length > 0 ? [...mit, ...notices] : files;
  if (chosen.length === 0 && license_file) chosen.push(license_file);
  return chosen.map((name) => readFileSync(join(folder, name), 'utf8').trim());
}

/** All names, then every text once with the crates that it belongs to. */
export function thirdParty() {
  const found = crates();
  const owners = new Map();
  for (const crate of found) {
    for (const text of texts(crate)) {
      // Many texts differ in line breaks only.
      const key = text.replace(/\s+/g, ' ');
      if (!owners.has(key)) owners.set(key, { text, names: [] });
      owners.get(key).names.push(crate.name);
    }
  }
  const names = found.map(
    ({ name, version, license }) => `${name} ${version}: ${license ?? 'see below'}`,
  );
  const parts = [...owners.values()].map(({ text, names }) => `${names.join(', ')}\n\n${text}`);
  return [
    'The WebAssembly in this package contains these Rust crates, and parts of the Rust standard\n' +
      'library (MIT OR Apache-2.0, The Rust Project Developers).',
    names.join('\n'),
    ...parts,
  ].join(`\n\n${'-'.repeat(80)}\n\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(thirdParty());
