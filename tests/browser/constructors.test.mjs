// What registers itself before a program begins (thousands of entries of CubeCL's compiler) does so
// once, at the module's start. Where nothing calls the constructors, the linker has every exported
// function call them first: a picture on WebGPU, which crosses that border thousands of times, then
// takes several times as long.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const PKG = fileURLToPath(new URL('../../www/pkg/', import.meta.url));
const require = createRequire(new URL('../../www/package.json', import.meta.url));

/** They run once per memory, and may: ours, and wasm-bindgen's that calls it. */
const STARTS = ['start', '__wbindgen_start'];

const SECTION = { types: 1, imports: 2, functions: 3, exports: 7, code: 10 };
const FUNCTION = 0;
const FUNCTION_TYPE = 0x60;
const CALL = 0x10;
/** Kinds of imports beside functions, with what follows each: a table, a memory, a global. */
const [TABLE, MEMORY, GLOBAL] = [1, 2, 3];

/** Reads a module's bytes in order. */
class Reader {
  constructor(bytes, at = 0) {
    Object.assign(this, { bytes, at });
  }

  /** LEB128 without a sign; what counts and sizes are. */
  number() {
    let [value, scale] = [0, 1];
    for (;;) {
      const byte = this.bytes[this.at++];
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  }

  skip(count) {
    this.at += count;
  }

  text() {
    const length = this.number();
    this.skip(length);
    return this.bytes.toString('utf8', this.at - length, this.at);
  }

  list(read) {
    return Array.from({ length: this.number() }, read);
  }

  limits() {
    const flags = this.number();
    this.number();
    if (flags & 1) this.number();
  }
}

/** Where each section's content begins, by its number. */
function sections(bytes) {
  const reader = new Reader(bytes, 8);
  const begins = {};
  while (reader.at < bytes.length) {
    const id = reader.number();
    const size = reader.number();
    begins[id] = reader.at;
    reader.skip(size);
  }
  return begins;
}

/** The types of imported functions: their numbers come before those of the module's own. */
function importedTypes(reader) {
  const types = [];
  reader.list(() => {
    reader.text();
    reader.text();
    const kind = reader.number();
    if (kind === FUNCTION) types.push(reader.number());
    else if (kind === MEMORY) reader.limits();
    else if (kind === GLOBAL) reader.skip(2);
    else {
      assert.equal(kind, TABLE, `an import of a kind that is not known: ${kind}`);
      reader.skip(1);
      reader.limits();
    }
  });
  return types;
}

/**
 * Names of the exported functions that first call one and the same function which neither takes nor
 * gives anything, as the linker's wrappers do: it wraps all or none. Released modules have no names
 * left by which one could know it. One export alone may begin so, being a mere call itself.
 */
function wrapped(bytes) {
  const begins = sections(bytes);
  const at = (name) => new Reader(bytes, begins[SECTION[name]]);
  const empty = at('types');
  const isEmpty = empty.list(() => {
    assert.equal(empty.number(), FUNCTION_TYPE, 'a type that is not a function');
    const parameters = empty.number();
    empty.skip(parameters);
    const results = empty.number();
    empty.skip(results);
    return parameters + results === 0;
  });
  const imported = begins[SECTION.imports] === undefined ? [] : importedTypes(at('imports'));
  const own = at('functions');
  const types = [...imported, ...own.list(() => own.number())];
  const exported = at('exports');
  const exports = exported.list(() => {
    return { name: exported.text(), kind: exported.number(), index: exported.number() };
  });
  const code = at('code');
  const bodies = code.list(() => {
    const size = code.number();
    code.skip(size);
    return code.at - size;
  });

  const firstCall = (body) => {
    const reader = new Reader(bytes, body);
    // Locals: how many, of which type.
    reader.list(() => {
      reader.number();
      reader.skip(1);
    });
    return reader.number() === CALL ? reader.number() : undefined;
  };
  const callers = new Map();
  for (const { name, kind, index } of exports) {
    if (kind !== FUNCTION || index < imported.length || STARTS.includes(name)) continue;
    const called = firstCall(bodies[index - imported.length]);
    if (called === undefined || !isEmpty[types[called]]) continue;
    callers.set(called, [...(callers.get(called) ?? []), name]);
  }
  return [...callers.values()].filter((names) => names.length > 1).flat();
}

test('a module whose exports are wrapped is told from one whose are not', async () => {
  const { default: binaryen } = await import(require.resolve('binaryen'));
  const module = (first) => `(module
    (import "js" "log" (func $log (param i32)))
    (import "js" "memory" (memory 1 2 shared))
    (func $constructors (i32.store (i32.const 0) (i32.const 1)))
    (func $add (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func $outer (param i32 i32) (result i32) (local i64 f32) ${first}
      (call $log (i32.const 7))
      (call $add (local.get 0) (local.get 1)))
    (func $other (param i32) (result i32) ${first} (i32.eqz (local.get 0)))
    (func $store (i32.store (i32.const 4) (i32.const 1)))
    (func $mere (call $store))
    (func $start (call $constructors))
    (export "add" (func $add)) (export "outer" (func $outer)) (export "other" (func $other))
    (export "mere" (func $mere)) (export "start" (func $start)))`;
  const bytes = (first) => {
    const made = binaryen.parseText(module(first));
    made.setFeatures(binaryen.Features.Atomics);
    return Buffer.from(made.emitBinary());
  };
  assert.deepEqual(wrapped(bytes('(call $constructors)')), ['outer', 'other']);
  assert.deepEqual(wrapped(bytes('')), []);
});

const built = readdirSync(PKG).filter((name) => existsSync(`${PKG}${name}/xception_web_bg.wasm`));

test('every module was built', () => assert.ok(built.length >= 7, built.join(', ')));

for (const name of built) {
  test(`no export of the module ${name} runs the constructors`, () => {
    assert.deepEqual(wrapped(readFileSync(`${PKG}${name}/xception_web_bg.wasm`)), []);
  });
}
