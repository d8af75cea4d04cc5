// Whether anything grows: classifiers created and disposed of over and over, a long stream, and the page with
// its camera, with the memory of the page and of all of the browser's processes at start and end.
//   node tests/browser/soak.mjs [--cycles N] [--frames N] [--camera SECONDS] [--backend cpu|webgpu] [--rounds N]
// Exits with 1 where the last round ends with more memory than any of the first half did, by more than is allowed.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { BLANK, FAKE_CAMERA, NO_GPU, SOFTWARE_GPU, labelsFor, ready, start } from './harness.mjs';

const { values: given } = parseArgs({
  options: {
    cycles: { type: 'string', default: '300' },
    frames: { type: 'string', default: '2000' },
    camera: { type: 'string', default: '300' },
    rounds: { type: 'string', default: '4' },
    backend: { type: 'string', default: 'cpu' },
  },
});
const cycles = Number(given.cycles);
const frames = Number(given.frames);
const camera = Number(given.camera);
const rounds = Number(given.rounds);

/** Megabytes by which the page's own heap may end above: code that the engine compiles late. */
const HEAP_GROWTH = 2;
/**
 * The same of all processes. The browser fills its pools in the first few hundred cycles or frames, by some
 * 120; a classifier holds about 60, so that of a hundred a single one that stayed would be found.
 */
const TOTAL_GROWTH = 60;

/** Megabytes that the browser's processes hold and share with nobody, as Linux counts them. */
function total(root) {
  let sum = 0;
  const children = (pid) =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  const visit = (pid) => {
    try {
      for (const field of ['Private_Clean', 'Private_Dirty']) {
        const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
        sum += Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) / 1024;
      }
      children(pid).forEach(visit);
    } catch {
      // It has ended meanwhile.
    }
  };
  visit(root);
  return sum;
}

/** Creates, asks and disposes; each time a worker with its WebAssembly and its model. */
async function cycle({ count, backend }) {
  const { ImageClassifier } = await import('/xception-web/index.js');
  for (let i = 0; i < count; i++) {
    const classifier = await ImageClassifier.create({ backend, model: 'drawings' });
    const { predictions } = await classifier.classify('/samples/cat.svg');
    if (predictions[0].label !== 'cat') throw new Error(`cycle ${i}: ${predictions[0].label}`);
    classifier.dispose();
  }
}

/** Follows a video that a canvas makes. */
async function stream({ count, backend }) {
  const { ImageClassifier } = await import('/xception-web/index.js');
  const classifier = await ImageClassifier.create({ backend, model: 'drawings' });
  const image = new Image();
  image.src = '/samples/cat.svg';
  await image.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [320, 240];
  const context = canvas.getContext('2d');
  let shift = 0;
  const draw = () => {
    context.fillStyle = '#fff';
    context.fillRect(0, 0, 320, 240);
    context.drawImage(image, 40 + (shift++ % 5), 0, 240, 240);
  };
  const drawing = setInterval(draw, 10);
  const video = document.createElement('video');
  video.muted = true;
  video.srcObject = canvas.captureStream();
  document.documentElement.append(video);
  await video.play();
  const abort = new AbortController();
  let seen = 0;
  for await (const { predictions } of classifier.stream(video, { signal: abort.signal })) {
    if (predictions[0].label !== 'cat') throw new Error(`frame ${seen}: ${predictions[0].label}`);
    if (++seen === count) abort.abort();
  }
  clearInterval(drawing);
  for (const track of video.srcObject.getTracks()) track.stop();
  video.remove();
  classifier.dispose();
}

const flags = given.backend === 'webgpu' ? SOFTWARE_GPU : NO_GPU;
const site = await start({ flags: [...flags, ...FAKE_CAMERA, '--js-flags=--expose-gc'] });
let failed = false;
try {
  let page = await site.open(BLANK);
  let session = await page.context().newCDPSession(page);
  const { processInfo } = await (
    await site.browser.newBrowserCDPSession()
  ).send('SystemInfo.getProcessInfo');
  const root = processInfo.find(({ type }) => type === 'browser').id;
  const weigh = async () => {
    for (let i = 0; i < 3; i++) await session.send('HeapProfiler.collectGarbage');
    await page.waitForTimeout(500); // Processes and workers that end do so in their own time.
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    return { heap: usedSize / 2 ** 20, all: total(root) };
  };
  const say = (what, { heap, all }) =>
    console.log(
      `${what.padEnd(36)} heap ${heap.toFixed(1)} MB, all processes ${all.toFixed(0)} MB`,
    );

  const ask = (work) => (count) => page.evaluate(work, { count, backend: given.backend });
  const watch = async (seconds) => {
    if (!page.url().includes('/?')) {
      page = await site.open(`/?backend=${given.backend}`);
      session = await page.context().newCDPSession(page);
      await ready(page);
      await page.getByTestId('webcam-start').click();
    }
    await page.waitForTimeout(1000 * seconds);
    await labelsFor(page, 'webcam'); // It still looks.
  };
  for (const [what, work, count] of [
    ['created and disposed', ask(cycle), cycles],
    ['frames', ask(stream), frames],
    ['seconds of the page’s camera', watch, camera],
  ]) {
    const weights = [];
    const each = Math.ceil(count / rounds);
    for (let round = 0; round < rounds && count > 0; round++) {
      await work(each);
      weights.push(await weigh());
      say(`${(round + 1) * each} ${what}`, weights.at(-1));
    }
    if (weights.length === 0) continue;
    const last = weights.at(-1);
    const before = weights.slice(0, Math.ceil(rounds / 2));
    const grown = {
      heap: last.heap - Math.max(...before.map(({ heap }) => heap)),
      all: last.all - Math.max(...before.map(({ all }) => all)),
    };
    const ok = grown.heap <= HEAP_GROWTH && grown.all <= TOTAL_GROWTH;
    console.log(
      `${ok ? 'flat' : 'GROWN'}: heap ${grown.heap.toFixed(1)} MB, all processes ${grown.all.toFixed(0)} MB after the first half`,
    );
    failed ||= !ok;
  }
} finally {
  await site.stop();
}
process.exitCode = failed ? 1 : 0;
