// Live classification of streams and tracks, its smoothing and its counts; cameras and mirrors; `using`;
// and what led to an error.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { FAKE_CAMERA, NO_GPU, PATIENCE, start } from './harness.mjs';

describe('live', { timeout: PATIENCE }, () => {
  let site;
  let page;
  before(async () => {
    site = await start({ flags: [...NO_GPU, ...FAKE_CAMERA] });
    page = await site.open('/about/licence.txt');
    await page.evaluate(async () => {
      const library = await import('/xception-web/index.js');
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [200, 160];
      const context = canvas.getContext('2d');
      const classifier = await library.ImageClassifier.create({
        model: 'drawings',
        backend: 'cpu',
      });
      /** Shows a sample, over and over; then another. */
      const show = async (name) => {
        const image = new Image();
        image.src = `/samples/${name}.svg`;
        await image.decode();
        clearInterval(kit.drawing);
        const draw = () => {
          context.fillStyle = '#fff';
          context.fillRect(0, 0, 200, 160);
          context.drawImage(image, 20, 0, 160, 160);
        };
        draw();
        kit.drawing = setInterval(draw, 15);
      };
      const refusal = async (work) => {
        try {
          await work();
          return 'accepted';
        } catch ({ code, message }) {
          return `${code}: ${message}`;
        }
      };
      globalThis.kit = { ...library, canvas, classifier, refusal, show };
    });
  });
  after(() => site.stop());

  test('answers of a <video>, a stream and a track are alike, and end with them', async () => {
    const got = await page.evaluate(async () => {
      const { canvas, classifier, show } = kit;
      await show('cat');
      const found = {};
      for (const kind of ['video', 'stream', 'track']) {
        const stream = canvas.captureStream();
        const [track] = stream.getVideoTracks();
        const video = document.createElement('video');
        video.muted = true;
        if (kind === 'video') {
          video.srcObject = stream;
          await video.play();
        }
        const answers = [];
        for await (const answer of classifier.stream({ video, stream, track }[kind], { topK: 1 })) {
          answers.push(answer);
          if (answers.length === 12) track.stop();
        }
        const last = answers.at(-1);
        found[kind] = {
          labels: [...new Set(answers.map(({ predictions }) => predictions[0].label))],
          first: [answers[0].fps, answers[0].dropped],
          rate: last.fps > 1 && last.fps < 100,
          counts: answers.every(({ dropped }) => Number.isInteger(dropped) && dropped >= 0),
        };
        const late = [];
        for await (const answer of classifier.stream(track)) late.push(answer);
        found[kind].late = late.length;
      }
      return found;
    });
    const alike = { labels: ['cat'], first: [0, 0], rate: true, counts: true, late: 0 };
    assert.deepEqual(got, { video: alike, stream: alike, track: alike });
  });

  test('a slow reader is told how many frames went by', async () => {
    const got = await page.evaluate(async () => {
      const { canvas, classifier, show } = kit;
      await show('cat');
      const [track] = canvas.captureStream().getVideoTracks();
      const dropped = [];
      for await (const answer of classifier.stream(track, { topK: 1 })) {
        dropped.push(answer.dropped);
        if (dropped.length === 4) break;
        await new Promise((resolve) => setTimeout(resolve, 400));
      }
      const live = track.readyState;
      track.stop();
      return { dropped, live };
    });
    // A canvas is drawn 66 times a second, and shown as often as there are resources: twice in 400 ms at least.
    for (const count of got.dropped.slice(2)) assert.ok(count >= 2, `${got.dropped}`);
    assert.equal(got.live, 'live', 'a track stays its caller’s');
  });

  test('smoothed scores follow slowly, and are a mean', async () => {
    const got = await page.evaluate(async () => {
      const { canvas, classifier, show } = kit;
      const [track] = canvas.captureStream().getVideoTracks();
      const scores = { 0: [], 0.8: [] };
      for (const smoothing of [0, 0.8]) {
        await show('apple');
        await new Promise((resolve) => setTimeout(resolve, 200));
        let switched = false;
        let sum = 0;
        for await (const { predictions } of classifier.stream(track, { smoothing, topK: 150 })) {
          const cat = predictions.find(({ label }) => label === 'cat').score;
          sum = predictions.reduce((sum, { score }) => sum + score, 0);
          scores[smoothing].push(cat);
          if (scores[smoothing].length === 3 && !switched) {
            switched = true;
            await show('cat');
            await new Promise((resolve) => setTimeout(resolve, 200));
          }
          if (scores[smoothing].length === 24) break;
        }
        if (Math.abs(sum - 1) > 1e-3) throw new Error(`the scores sum to ${sum}`);
      }
      const { length } = (await classifier.stream(track, { smoothing: 0.5, topK: 2 }).next()).value
        .predictions;
      track.stop();
      return { scores, length };
    });
    const [sharp, smooth] = [got.scores[0], got.scores[0.8]];
    assert.ok(sharp[2] < 0.2 && sharp[6] > 0.5, `${sharp}`);
    // A fifth of the way at each answer.
    const steps = smooth.filter((score) => score > smooth[2] + 0.01 && score < 0.8 * smooth.at(-1));
    assert.ok(steps.length >= 4, `${smooth}`);
    assert.ok(smooth.at(-1) > 0.5, `${smooth}`);
    for (const [i, score] of steps.entries()) if (i) assert.ok(score > steps[i - 1], `${smooth}`);
    assert.equal(got.length, 2);
  });

  test('what cannot be watched is refused', async () => {
    const got = await page.evaluate(async () => {
      const { canvas, classifier, refusal } = kit;
      const audio = new AudioContext().createMediaStreamDestination().stream;
      const [track] = canvas.captureStream().getVideoTracks();
      const found = [];
      for (const source of [canvas, undefined, audio, audio.getTracks()[0], new MediaStream()]) {
        found.push(await refusal(() => classifier.stream(source)));
      }
      found.push(await refusal(() => classifier.stream(track, { smoothing: 1 })));
      found.push(await refusal(() => classifier.stream(track, { rotate: 1 })));
      return found;
    });
    for (const message of got.slice(0, 5)) assert.match(message, /^invalid-option: Cannot stream/);
    assert.match(got[5], /^invalid-option: smoothing is 1\. .*below 1/);
    assert.match(got[6], /^invalid-option: rotate is 1/);
  });

  test('cameras are listed, and shown as in a mirror where that is asked for', async () => {
    const got = await page.evaluate(async () => {
      const { listCameras, openCamera, refusal } = kit;
      const transforms = {};
      for (const mirror of [undefined, true, 'auto']) {
        const abort = new AbortController();
        const video = document.createElement('video');
        await openCamera(video, { mirror, signal: abort.signal });
        transforms[mirror] = [video.style.transform];
        abort.abort();
        transforms[mirror].push(video.style.transform);
      }
      const abort = new AbortController();
      const video = document.createElement('video');
      await openCamera(video, { mirror: 'auto', facingMode: 'environment', signal: abort.signal });
      transforms.away = [video.style.transform];
      abort.abort();
      const cameras = await listCameras();
      return {
        transforms,
        bad: await refusal(() => openCamera(video, { mirror: 'yes' })),
        cameras: cameras.map(({ deviceId, label }) => [deviceId !== '', label !== '']),
      };
    });
    assert.deepEqual(got.transforms, {
      undefined: ['', ''],
      true: ['scaleX(-1)', ''],
      auto: ['scaleX(-1)', ''],
      away: [''],
    });
    assert.match(got.bad, /^invalid-option: mirror is "yes"/);
    assert.deepEqual(got.cameras, [[true, true]]);
  });

  test('a classifier ends with its block, and errors say what led to them', async () => {
    const got = await page.evaluate(async () => {
      const { ImageClassifier } = kit;
      const classifiers = [];
      const add = async () => {
        const classifier = await ImageClassifier.create({ backend: 'cpu' });
        classifiers.push(classifier);
        return classifier;
      };
      // As a compiler writes \`using\`.
      (await add())[Symbol.dispose]?.();
      await (await add())[Symbol.asyncDispose]?.();
      const codes = [];
      for (const classifier of classifiers) {
        codes.push(await classifier.classify('/samples/cat.svg').catch(({ code }) => code));
      }
      const failure = (work) => work.catch((error) => error);
      const broken = await failure(kit.classifier.classify(new Blob(['no picture'])));
      const nowhere = await failure(kit.classifier.classify('http://localhost:1/x.png'));
      const option = await failure(kit.classifier.classify(new Blob(['x']), { topK: 0 }));
      return {
        codes,
        broken: [broken.code, broken.cause instanceof Error, broken.cause?.name],
        nowhere: [nowhere.code, nowhere.cause instanceof TypeError],
        option: 'cause' in option,
        symbols: typeof Symbol.dispose,
      };
    });
    assert.equal(got.symbols, 'symbol');
    assert.deepEqual(got.codes, ['disposed', 'disposed']);
    assert.deepEqual(got.broken, ['undecodable', true, 'InvalidStateError']);
    assert.equal(got.nowhere[1], true, got.nowhere[0]);
    assert.equal(got.option, false);
  });
});
