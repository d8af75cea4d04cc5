// Which exports the linker wrapped, and what a call costs.
//   node show.mjs target/wasm32-unknown-unknown/release/constructors.wasm

import { readFileSync } from 'node:fs';

const CALLS = 100_000;

const module = new WebAssembly.Module(readFileSync(process.argv[2]));
const { exports } = new WebAssembly.Instance(module);
const [names] = WebAssembly.Module.customSections(module, 'name');
const wrapped = Buffer.from(names)
  .toString('latin1')
  .match(/\w+(?=\.command_export)/g);
console.log(`wrapped: ${wrapped?.join(', ') ?? 'none'}`);
exports.start?.();
console.log(`registered: ${exports.registered()}`);
for (let i = 0; i < CALLS; i++) exports.add(i, 1);
const begin = performance.now();
for (let i = 0; i < CALLS; i++) exports.add(i, 1);
console.log(`add: ${((1e6 * (performance.now() - begin)) / CALLS).toFixed(0)} ns a call`);
