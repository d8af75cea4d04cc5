// Live classification where the video does not simply play: each stream ends, and sees what changed.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { BLANK, FAKE_CAMERA, NO_GPU, PATIENCE, WITH_BLOBS, start } from './harness.mjs';

/** Milliseconds after which what still waits waits for ever. */
const NEVER = 30_000;

/** In the page: a film of two pictures, and what the tests do with streams. */
async function equip(never) {
  const { ImageClassifier, openCamera } = await import('/xception-web/index.js');
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const once = (target, event) =>
    new Promise((resolve) => target.addEventListener(event, resolve, { once: true }));

  /** A film that shows each of these for a while, and a moment in the last of them. */
  async function film(...names) {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [240, 180];
    const context = canvas.getContext('2d');
    const recorder = new MediaRecorder(canvas.captureStream(20), { mimeType: 'video/webm' });
    const parts = [];
    let begin;
    let last;
    recorder.ondataavailable = ({ data }) => parts.push(data);
    for (const name of names) {
      const image = new Image();
      image.src = `/samples/${name}.svg`;
      await image.decode();
      context.fillStyle = '#fff';
      for (let i = 0; i < 12; i++) {
        context.fillRect(0, 0, canvas.width, canvas.height);
        context.drawImage(image, 30, 0, 180, 180);
        if (recorder.state === 'inactive') {
          recorder.start();
          begin = performance.now();
        }
        if (i === 6) last = performance.now();
        await wait(50);
      }
    }
    recorder.stop();
    await once(recorder, 'stop');
    const address = URL.createObjectURL(new Blob(parts, { type: 'video/webm' }));
    return { address, late: (last - begin) / 1000 };
  }

  /** A video that stands at a moment. */
  async function still(address, time = 0) {
    const video = document.createElement('video');
    video.muted = true;
    const shown = new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    video.src = address;
    await shown;
    if (time > 0) {
      video.currentTime = time;
      await once(video, 'seeked');
    }
    return video;
  }

  /** Runs a stream; what it says and how it ends. */
  function follow(classifier, video, options) {
    const seen = [];
    const end = (async () => {
      for await (const { predictions } of classifier.stream(video, options)) {
        seen.push(predictions[0].label);
      }
      return 'ended';
    })().catch((error) => error.code ?? error.name ?? error);
    return { seen, end: Promise.race([end, wait(never).then(() => 'never')]) };
  }

  /** Waits for something to become true, or not. */
  async function until(done) {
    for (let i = 0; i < never / 20 && !done(); i++) await wait(20);
  }

  const create = () => ImageClassifier.create({ model: 'drawings', backend: 'cpu' });
  globalThis.kit = { create, film, follow, once, openCamera, still, until, wait };
}

describe('a stream', { timeout: PATIENCE }, () => {
  let site;
  let page;
  before(async () => {
    site = await start({ flags: [...NO_GPU, ...FAKE_CAMERA], headers: WITH_BLOBS });
    page = await site.open(BLANK);
    await page.evaluate(equip, NEVER);
    await page.evaluate(async () => {
      kit.classifier = await kit.create();
      Object.assign(kit, await kit.film('cat', 'umbrella'));
    });
  });
  after(() => site.stop());

  test('of a paused video answers once, and ends with the classifier', async () => {
    const got = await page.evaluate(async () => {
      const classifier = await kit.create();
      const { seen, end } = kit.follow(classifier, await kit.still(kit.address));
      await kit.until(() => seen.length > 0);
      await kit.wait(300);
      classifier.dispose();
      return [seen, await end];
    });
    assert.deepEqual(got, [['cat'], 'disposed']);
  });

  test('in a hidden tab ends with the classifier', async () => {
    const got = await page.evaluate(async () => {
      const classifier = await kit.create();
      Object.defineProperty(document, 'hidden', { get: () => true, configurable: true });
      try {
        const { seen, end } = kit.follow(classifier, await kit.still(kit.address));
        await kit.wait(300);
        classifier.dispose();
        return [seen, await end];
      } finally {
        delete document.hidden;
      }
    });
    assert.deepEqual(got, [[], 'disposed']);
  });

  for (const [when, hidden] of [
    ['while it shows', false],
    ['in a hidden tab', true],
  ]) {
    test(`without a signal ends when the camera’s own does, ${when}`, async () => {
      const got = await page.evaluate(async (hidden) => {
        const video = document.createElement('video');
        const camera = new AbortController();
        await kit.openCamera(video, { signal: camera.signal });
        const { seen, end } = kit.follow(kit.classifier, video);
        await kit.until(() => seen.length > 1);
        Object.defineProperty(document, 'hidden', { get: () => hidden, configurable: true });
        try {
          await kit.wait(300);
          camera.abort();
          return [seen.length > 1, await end];
        } finally {
          delete document.hidden;
        }
      }, hidden);
      assert.deepEqual(got, [true, 'ended']);
    });
  }

  test('ends when its camera’s tracks are stopped', async () => {
    const got = await page.evaluate(async () => {
      const video = document.createElement('video');
      const camera = await kit.openCamera(video);
      const { seen, end } = kit.follow(kit.classifier, video);
      await kit.until(() => seen.length > 1);
      await kit.wait(100);
      for (const track of camera.getTracks()) track.stop();
      return [await end, await kit.follow(kit.classifier, video).end];
    });
    assert.deepEqual(got, ['ended', 'ended']);
  });

  test('ends when the camera is closed before its first frame', async () => {
    const got = await page.evaluate(async () => {
      const video = document.createElement('video');
      video.srcObject = new MediaStream(); // Without a track there is never a frame.
      const { end } = kit.follow(kit.classifier, video);
      await kit.wait(100);
      video.srcObject = null;
      return end;
    });
    assert.equal(got, 'ended');
  });

  test('ends when the video ends during an answer', async () => {
    const got = await page.evaluate(async () => {
      const classifier = await kit.create();
      const video = await kit.still(kit.address);
      const classify = classifier.classify.bind(classifier);
      classifier.classify = async (...given) => {
        const answer = await classify(...given);
        if (video.paused) {
          await video.play();
          await kit.once(video, 'ended');
        }
        return answer;
      };
      const { seen, end } = kit.follow(classifier, video);
      const how = await end;
      classifier.dispose();
      return [seen, how];
    });
    assert.deepEqual(got, [['cat'], 'ended']);
  });

  test('sees the frame that was sought during an answer', async () => {
    const got = await page.evaluate(async () => {
      const classifier = await kit.create();
      const video = await kit.still(kit.address, kit.late);
      const classify = classifier.classify.bind(classifier);
      let sought = false;
      classifier.classify = async (...given) => {
        const answer = await classify(...given);
        if (!sought) {
          sought = true;
          video.currentTime = 0.1;
          await kit.once(video, 'seeked');
          await kit.wait(300); // Shown, and its callback gone by.
        }
        return answer;
      };
      const { seen, end } = kit.follow(classifier, video);
      await kit.until(() => seen.length > 1);
      classifier.dispose();
      await end;
      return seen.slice(0, 2);
    });
    assert.deepEqual(got, ['umbrella', 'cat']);
  });

  test('goes on with another source', async () => {
    const got = await page.evaluate(async () => {
      const classifier = await kit.create();
      const video = await kit.still(kit.address, kit.late);
      const { seen, end } = kit.follow(classifier, video);
      await kit.until(() => seen.length > 0);
      await kit.wait(200);
      video.src = (await kit.film('apple')).address;
      await kit.until(() => seen.length > 1);
      classifier.dispose();
      return [seen[0], seen.at(-1), await end];
    });
    assert.deepEqual(got, ['umbrella', 'apple', 'disposed']);
  });

  test('of a video that breaks is an error', async () => {
    const got = await page.evaluate(async () => {
      const video = await kit.still(kit.address);
      const { seen, end } = kit.follow(kit.classifier, video);
      await kit.until(() => seen.length > 0);
      video.src = URL.createObjectURL(new Blob(['no film']));
      const first = await end;
      return [first, await kit.follow(kit.classifier, video).end];
    });
    assert.deepEqual(got, ['undecodable', 'undecodable']);
  });

  test('does not spin on a paused video where frames are not announced', async () => {
    const got = await page.evaluate(async () => {
      const video = await kit.still(kit.address);
      const { prototype } = HTMLVideoElement;
      const { requestVideoFrameCallback } = prototype;
      delete prototype.requestVideoFrameCallback;
      try {
        const classifier = await kit.create();
        const { seen, end } = kit.follow(classifier, video);
        await kit.until(() => seen.length > 0);
        await kit.wait(500);
        const paused = [...seen];
        video.currentTime = kit.late;
        await kit.until(() => seen.length > 1);
        const sought = seen.at(-1);
        const before = seen.length;
        video.currentTime = 0;
        await video.play();
        await kit.until(() => video.ended);
        const how = await end;
        classifier.dispose();
        return { paused, sought, played: seen.length - before > 2, how };
      } finally {
        prototype.requestVideoFrameCallback = requestVideoFrameCallback;
      }
    });
    assert.deepEqual(got, { paused: ['cat'], sought: 'umbrella', played: true, how: 'ended' });
  });

  test('takes up a video that nobody has seen yet', async () => {
    const got = await page.evaluate(async () => {
      const video = document.createElement('video');
      video.muted = true;
      video.src = kit.address;
      const { predictions } = await kit.classifier.classify(video, { topK: 1 });
      return predictions[0].label;
    });
    assert.equal(got, 'cat');
  });

  test('sends a camera’s frames to the worker as they are', async () => {
    const got = await page.evaluate(async () => {
      const video = document.createElement('video');
      const camera = new AbortController();
      await kit.openCamera(video, { signal: camera.signal });
      const touched = [];
      const spied = [
        [OffscreenCanvasRenderingContext2D.prototype, 'getImageData'],
        [CanvasRenderingContext2D.prototype, 'getImageData'],
        [globalThis, 'createImageBitmap'],
      ].map(([owner, name]) => {
        const original = owner[name];
        owner[name] = function (...given) {
          touched.push(name);
          return original.apply(this, given);
        };
        return () => (owner[name] = original);
      });
      const { seen, end } = kit.follow(kit.classifier, video);
      await kit.until(() => seen.length > 3);
      camera.abort();
      for (const restore of spied) restore();
      return [seen.length > 3, touched, await end];
    });
    assert.deepEqual(got, [true, [], 'ended']);
  });
});
