// The benchmark: our rows and the peers', interleaved round by round, each in a fresh browser.
//   node tests/bench/run.mjs [--only NAME,…] [--runs N] [--rounds N] [--json FILE] [--record NAME]
// What the columns mean is in README.md beside this file.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { brotliCompressSync } from 'node:zlib';
import { compare, median } from './compare.mjs';
import { LANES } from './roofline.mjs';
import { ROWS, TOLERANCE } from './rows.mjs';
import { serve } from './server.mjs';
import { MODELS, PYTHON, SITE, XCEPTION, prepare, require } from './site.mjs';
import { table } from './table.mjs';

const { chromium } = require('playwright-core');

const SIZE = 299;
/** Rounds of the roofline's loop: about a tenth of a second. */
const ROOFLINE_ROUNDS = 5e7;
/** A row that takes longer has hung. */
const PATIENCE = 120_000;
/** The software adapter takes up to a minute per picture. */
const GPU_PATIENCE = 1_200_000;
const NO_GPU = ['--disable-gpu'];
const SOFTWARE_GPU = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
const FLAGS = ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-sync'].concat([
  '--disable-background-networking',
  '--disable-component-update',
]);

const KNOWN = {
  only: { type: 'string' },
  runs: { type: 'string', default: '10' },
  rounds: { type: 'string', default: '3' },
  json: { type: 'string' },
  record: { type: 'string' },
};
const options = given();

function given() {
  try {
    return parseArgs({ options: KNOWN }).values;
  } catch (error) {
    return fail(error.message);
  }
}

const count = (name) => {
  const value = Number(options[name]);
  if (Number.isInteger(value) && value > 0) return value;
  fail(`--${name} ${options[name]}: give a whole number of at least 1`);
};

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}

function chosen() {
  if (options.only === undefined) return ROWS.filter(({ onlyByName }) => !onlyByName);
  return options.only.split(',').map((name) => {
    const row = ROWS.find((row) => row.name === name);
    return (
      row ??
      fail(`there is no row "${name}"; choose from ${ROWS.map(({ name }) => name).join(', ')}`)
    );
  });
}

/** Runs `use` on the benchmark's page in a browser of its own; adds what it downloaded. */
async function inBrowser(query, use, { gpu = false } = {}) {
  const paths = new Set();
  const server = await serve(SITE, paths);
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  const args = [...FLAGS, ...(gpu ? SOFTWARE_GPU : NO_GPU)];
  const patience = gpu ? GPU_PATIENCE : PATIENCE;
  const browser = await chromium.launch({ executablePath, args });
  try {
    const page = await browser.newPage();
    page.on('pageerror', (error) => console.error(`page: ${error}`));
    await page.goto(`http://localhost:${server.address().port}/${query}`);
    await page.waitForFunction(() => self.measure);
    const late = new Promise((_, reject) => {
      setTimeout(() => reject(new Error(`no answer in ${patience / 1e3} s`)), patience).unref();
    });
    const found = await Promise.race([use(page, paths), late]);
    return { ...found, browser: browser.version() };
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
}

const isWasm = (path) => path.endsWith('.wasm');
const onDisk = (path) => join(SITE, path);

async function web(row, { runs, full: first }) {
  const { peer, threads, model, pipeline, backend, precision, build } = row;
  const gpu = backend === 'webgpu';
  // On the software adapter twenty pictures for the heap would take longer than all the rest.
  const full = first && !gpu;
  const how = { backend, precision, build };
  const given = { peer, threads, runs, how, size: SIZE, model: `/models/${model}`, heap: full };
  // See hooks.js.
  const query = peer === 'tfjs' ? `?cores=${2 * threads}` : '';
  const use = async (page, paths) => {
    const found = await page.evaluate(
      ([given, measure]) => self[measure](given),
      [given, pipeline ? 'measurePipeline' : 'measure'],
    );
    if (found.absent || !full) return found;
    const wasm = [...paths].filter(isWasm);
    const compile_ms = await page.evaluate((wasm) => self.compileTime(wasm), wasm);
    const wasm_bytes = wasm.reduce((sum, path) => sum + statSync(onDisk(path)).size, 0);
    return { ...found, compile_ms, wasm_bytes, wasm };
  };
  return inBrowser(query, use, { gpu });
}

function native({ ours, threads }, { runs }) {
  const [command, ...args] = ours
    ? [XCEPTION, 'bench', '--json', '--threads', threads, '--runs', runs]
    : [PYTHON, join(import.meta.dirname, 'native.py'), MODELS, threads, runs];
  const { status, stdout, stderr } = spawnSync(command, args.map(String), { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr.trim().split('\n').pop());
  const { times_ms, first_ms, logits } = JSON.parse(stdout);
  const expected = new Float32Array(new Uint8Array(readFileSync(join(MODELS, 'logits'))).buffer);
  return { times: times_ms, first_ms, parity: compare(Float32Array.from(logits), expected) };
}

async function measure(row, how) {
  try {
    return await (row.place === 'native' ? native(row, how) : web(row, how));
  } catch (error) {
    return { absent: error.message.split('\n')[0] };
  }
}

/** Every row once, in order. */
async function round(results, how) {
  for (const result of results) {
    if (result.absent) continue;
    process.stderr.write(`  ${result.name} `);
    const found = await measure(result, how);
    const { difference } = found.parity ?? {};
    if (difference > TOLERANCE[result.dtype] || Number.isNaN(difference)) {
      found.absent = `its answer is not the network's: a log-probability is ${difference} off`;
    }
    const { times, first_ms } = found;
    process.stderr.write(
      found.absent ? `absent: ${found.absent}\n` : `${median(times).toFixed(1)} ms\n`,
    );
    if (found.absent) {
      result.absent = found.absent;
    } else {
      result.times.push(...times);
      result.firsts.push(first_ms);
      result.found = { ...found, ...result.found };
    }
  }
}

/** The row as `--json` writes it: `null` where nothing was measured, and `absent` says why. */
function summary({
  name,
  runtime,
  place,
  ours,
  pipeline,
  threads,
  dtype,
  absent,
  times,
  firsts,
  found,
}) {
  const measured = times.length > 0 && !absent;
  const tidy = (value) => (value === undefined ? undefined : Number(value.toPrecision(5)));
  const more = [
    'to_first_label_ms',
    'compile_ms',
    'inference_ms',
    'preprocess_share',
    'read_share',
  ];
  return {
    name,
    runtime,
    threads,
    dtype,
    median_ms: measured ? tidy(median(times)) : null,
    min_ms: measured ? tidy(Math.min(...times)) : null,
    first_ms: measured ? tidy(median(firsts)) : null,
    wasm_bytes: found.wasm_bytes ?? null,
    heap_bytes: found.heap_bytes ?? null,
    wasm_brotli_bytes: found.wasm?.map(brotliBytes).reduce((sum, size) => sum + size, 0),
    ...Object.fromEntries(more.map((key) => [key, tidy(found[key])])),
    load_parts_ms: found.load_parts_ms,
    frames_per_second: pipeline && measured ? tidy(1e3 / median(times)) : undefined,
    difference: tidy(found.parity?.difference),
    place,
    ours: ours ?? false,
    absent,
  };
}

/** At brotli's best, which is slow: remembered by the file's size and time. */
function brotliBytes(path) {
  const memory = join(MODELS, 'brotli.json');
  const known = existsSync(memory) ? JSON.parse(readFileSync(memory, 'utf8')) : {};
  const { size, mtimeMs } = statSync(onDisk(path));
  const key = `${path} ${size} ${mtimeMs}`;
  if (!(key in known)) {
    known[key] = brotliCompressSync(readFileSync(onDisk(path))).length;
    writeFileSync(memory, JSON.stringify(known));
  }
  return known[key];
}

/** Where the run is recorded, if it is; asked before anything is measured, as no record replaces another. */
function recordFile(date) {
  const name = options.record;
  if (name === undefined) return undefined;
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) {
    fail(`--record ${JSON.stringify(name)}: give a name of small letters, digits and hyphens`);
  }
  const file = join(import.meta.dirname, 'records', `${date}-${name}.json`);
  return existsSync(file) ? fail(`${file} is there already; record under another name`) : file;
}

const rows = chosen();
const [runs, rounds] = [count('runs'), count('rounds')];
const date = new Date().toISOString().slice(0, 10);
const record = recordFile(date);
const absent = await prepare(rows);
const results = rows.map((row) => {
  return { ...row, absent: absent[row.model], times: [], firsts: [], found: {} };
});
const { browser, ...roofline } = await inBrowser('', (page) =>
  page.evaluate((given) => self.roofline(given), { rounds: ROOFLINE_ROUNDS, lanes: LANES }),
);
for (let i = 0; i < rounds; i++) {
  console.error(`round ${i + 1} of ${rounds}`);
  await round(results, { runs, full: i === 0 });
}
const summaries = results.map(summary);
const machine = {
  processor: cpus()[0].model.trim(),
  cores: cpus().length,
  memory_gb: Math.round(totalmem() / 1e9),
  browser: `Chromium ${browser}`,
};
const measurement = {
  date,
  machine,
  runs,
  rounds,
  roofline,
};
console.log(table(measurement, summaries));
if (options.json) writeFileSync(options.json, `${JSON.stringify(summaries, null, 2)}\n`);
if (record) {
  mkdirSync(dirname(record), { recursive: true });
  const text = `${JSON.stringify({ ...measurement, rows: summaries }, null, 2)}\n`;
  // Fails where a file has come in the meantime.
  writeFileSync(record, text, { flag: 'wx' });
}
const wrong = summaries.find(({ absent, ours }) => ours && absent?.startsWith('its answer'));
if (wrong) fail(`${wrong.name}: ${wrong.absent}`);
