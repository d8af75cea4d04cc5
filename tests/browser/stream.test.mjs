// The camera: a film of a known object, played by Chromium's fake camera.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { NO_GPU, PATIENCE, SAMPLES, labelsFor, ready, render, start } from './harness.mjs';

const [WIDTH, HEIGHT] = [320, 240];
const FAKE_CAMERA = '--use-fake-device-for-media-stream';

/** A Y4M film that shows one RGBA picture for a few frames (BT.601, 4:2:0). */
function film(rgba) {
  const [luma, blue, red] = [[], [], []];
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      const [r, g, b] = rgba.subarray((y * WIDTH + x) * 4);
      luma.push(16 + (65.5 * r + 128.6 * g + 25 * b) / 256);
      if (y % 2 || x % 2) continue;
      blue.push(128 + (-37.8 * r - 74.2 * g + 112 * b) / 256);
      red.push(128 + (112 * r - 93.8 * g - 18.2 * b) / 256);
    }
  }
  const frame = Buffer.from([...luma, ...blue, ...red].map(Math.round));
  const header = Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F30:1 Ip A1:1 C420jpeg\n`);
  const frames = Array.from({ length: 5 }, () => [Buffer.from('FRAME\n'), frame]);
  return Buffer.concat([header, ...frames.flat()]);
}

describe('a camera', { timeout: PATIENCE }, () => {
  let folder;
  let flags;
  let site;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'xception-web-film-'));
    const painter = await start();
    const page = await painter.open();
    const svg = readFileSync(join(SAMPLES, 'umbrella.svg'), 'utf8');
    const rgba = await render(page, svg, { width: WIDTH, height: HEIGHT, as: 'rgba' });
    await painter.stop();
    const file = join(folder, 'umbrella.y4m');
    writeFileSync(file, film(rgba));
    const camera = ['--use-fake-ui-for-media-stream', `--use-file-for-fake-video-capture=${file}`];
    flags = [...NO_GPU, FAKE_CAMERA, ...camera];
    site = await start({ flags });
  });
  after(async () => {
    await site.stop();
    rmSync(folder, { recursive: true });
  });

  test('gets live labels, and its light goes out at the stop', async () => {
    const page = await site.open('/?backend=cpu&model=drawings');
    await ready(page);
    await page.getByTestId('webcam-start').click();
    assert.equal((await labelsFor(page, 'webcam'))[0], 'umbrella');
    await page.evaluate(() => {
      globalThis.tracks = document.querySelector('video').srcObject.getTracks();
      globalThis.answers = 0;
      const list = document.querySelector('#predictions');
      new MutationObserver(() => answers++).observe(list, { childList: true, subtree: true });
    });
    await page.waitForFunction(() => answers >= 30); // Three answers of five rows, two texts each.
    // The last seconds as a curve: one label, so one line that grows; and how many answers there are.
    await page.waitForFunction(
      () => document.querySelector('#curve-line').getAttribute('points').split(' ').length >= 4,
    );
    await page
      .getByTestId('rate')
      .getByText(/^\d+ a second$/)
      .waitFor();
    await page.getByTestId('webcam-stop').click();
    await page.waitForFunction(() => tracks.every(({ readyState }) => readyState === 'ended'));
    assert.equal(await page.evaluate(() => document.querySelector('video').srcObject), null);
    assert.equal(await page.getByTestId('prediction').count(), 0, 'no answer to an empty stage');
    assert.ok(await page.getByTestId('curve').isHidden());
    const after = await page.evaluate(() => answers);
    await page.waitForTimeout(500);
    assert.equal(await page.evaluate(() => answers), after, 'no answer comes after the stop');
    await page.getByTestId('webcam-start').click();
    await page.waitForFunction((after) => answers > after, after);
  });

  test('does not talk all the time', async () => {
    // Labels that change from frame to frame, and a model that is of two minds.
    const restless = await start({
      flags,
      worker: `const post = self.postMessage;
      let frames = 0;
      self.postMessage = (reply) => {
        if (reply.result) {
          reply.result.known = ++frames % 3 > 0;
          reply.result.predictions[0].label = 'thing ' + frames;
        }
        post.call(self, reply);
      };`,
    });
    try {
      const page = await restless.open('/?backend=cpu');
      await ready(page);
      await page.evaluate(() => {
        globalThis.said = [];
        globalThis.answers = 0;
        const spoken = document.querySelector('#spoken');
        const note = () => spoken.textContent && said.push(performance.now());
        new MutationObserver(note).observe(spoken, { childList: true });
        const list = document.querySelector('#predictions');
        new MutationObserver(() => answers++).observe(list, { childList: true, subtree: true });
      });
      await page.getByTestId('webcam-start').click();
      await page.waitForFunction(() => said.length >= 3);
      const { said, answers } = await page.evaluate(() => ({ said, answers }));
      assert.ok(answers > said.length, `${answers} answers`);
      for (const [i, time] of said.entries()) {
        if (i > 0) assert.ok(time - said[i - 1] > 2400, `${said}`);
      }
      assert.ok(await page.getByTestId('offers').isHidden(), 'no buttons come and go');
    } finally {
      await restless.stop();
    }
  });

  test('fills a phone, with the best label and its buttons over it', async () => {
    const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
    const page = await site.open('/?backend=cpu&model=drawings', phone);
    await page.getByTestId('webcam-start').tap();
    assert.equal((await labelsFor(page, 'webcam'))[0], 'umbrella');
    assert.deepEqual(await page.locator('#video').boundingBox(), {
      x: 0,
      y: 0,
      width: 390,
      height: 844,
    });
    for (const over of [page.getByTestId('prediction').first(), page.getByTestId('webcam-stop')]) {
      const { y, height } = await over.boundingBox();
      assert.ok(y > 422 && y + height <= 844, 'in the lower half, without scrolling');
    }
    await page.getByTestId('webcam-stop').tap();
    await page.getByTestId('webcam-start').waitFor();
  });

  test('gives way to a picture', async () => {
    const page = await site.open('/?backend=cpu&model=drawings');
    await page.getByTestId('webcam-start').click();
    await labelsFor(page, 'webcam');
    await page.getByRole('button', { name: 'Apple' }).click();
    assert.equal((await labelsFor(page, 'apple.svg'))[0], 'apple');
    await page.waitForTimeout(500);
    assert.equal((await labelsFor(page, 'apple.svg'))[0], 'apple', 'the camera is silent');
    assert.ok(await page.getByTestId('webcam-start').isVisible());
  });

  test('has one frame in flight, sleeps in a hidden tab, and ends with its signal', async () => {
    const page = await site.open('/?backend=cpu');
    const got = await page.evaluate(async () => {
      const { ImageClassifier, openCamera } = await import('/xception-web/index.js');
      const classifier = await ImageClassifier.create({ backend: 'cpu' });
      const abort = new AbortController();
      const video = document.createElement('video');
      await openCamera(video, { signal: abort.signal });

      let [now, most] = [0, 0];
      const classify = classifier.classify.bind(classifier);
      classifier.classify = async (...given) => {
        most = Math.max(most, ++now);
        return classify(...given).finally(() => now--);
      };
      let hidden = false;
      Object.defineProperty(document, 'hidden', { get: () => hidden });
      const show = (visible) => {
        hidden = !visible;
        document.dispatchEvent(new Event('visibilitychange'));
      };

      let answers = 0;
      const loop = (async () => {
        for await (const { predictions } of classifier.stream(video, {
          signal: abort.signal,
          topK: 2,
        })) {
          if (predictions.length !== 2) throw new Error('topK is not heeded');
          answers++;
        }
        return 'ended';
      })();
      const until = async (done) => {
        while (!done()) await new Promise((resolve) => setTimeout(resolve, 20));
      };
      await until(() => answers >= 3);
      show(false);
      await until(() => now === 0); // The one in flight may land.
      await new Promise((resolve) => setTimeout(resolve));
      const asleep = answers;
      await new Promise((resolve) => setTimeout(resolve, 700));
      const stillAsleep = answers;
      show(true);
      await until(() => answers > stillAsleep);
      abort.abort();
      return { most, asleep, stillAsleep, end: await loop, source: video.srcObject };
    });
    assert.equal(got.most, 1);
    assert.equal(got.stillAsleep, got.asleep);
    assert.equal(got.end, 'ended');
    assert.equal(got.source, null);
  });
});

test('a camera that is not allowed is explained', { timeout: PATIENCE }, async () => {
  const site = await start({ flags: [...NO_GPU, FAKE_CAMERA, '--deny-permission-prompts'] });
  try {
    const page = await site.open('/?backend=cpu&model=drawings');
    await ready(page);
    await page.getByTestId('webcam-start').click();
    const error = page.getByTestId('error');
    await error.waitFor({ state: 'visible' });
    assert.match(await error.textContent(), /not allowed.*Allow it/);
    await page.getByRole('button', { name: 'Cat' }).click();
    assert.equal((await labelsFor(page, 'cat.svg'))[0], 'cat');
    assert.ok(await error.isHidden());
  } finally {
    await site.stop();
  }
});

test('a model that loads while the camera opens waits for it', { timeout: PATIENCE }, async () => {
  const flags = [...NO_GPU, FAKE_CAMERA, '--use-fake-ui-for-media-stream'];
  const site = await start({ flags });
  try {
    const page = await site.open('/icon.svg');
    await page.addInitScript(() => {
      const { mediaDevices } = navigator;
      const ask = mediaDevices.getUserMedia.bind(mediaDevices);
      mediaDevices.getUserMedia = async (wish) => {
        await new Promise((allow) => (window.allow = allow));
        return ask(wish);
      };
    });
    await page.goto(`${site.origin}/?backend=cpu`);
    await page.getByTestId('webcam-start').click();
    await ready(page);
    await page.waitForTimeout(300); // What is wrongly looked at would have failed by now.
    assert.ok(await page.getByTestId('error').isHidden());
    await page.evaluate(() => window.allow());
    assert.equal((await labelsFor(page, 'webcam')).length, 5);
  } finally {
    await site.stop();
  }
});

test('one of several cameras can be chosen', { timeout: PATIENCE }, async () => {
  const flags = [...NO_GPU, `${FAKE_CAMERA}=device-count=2`, '--use-fake-ui-for-media-stream'];
  const site = await start({ flags });
  try {
    const page = await site.open('/?backend=cpu');
    const cameras = page.getByTestId('cameras');
    const running = () =>
      page.evaluate(() => {
        const [track] = document.querySelector('video').srcObject?.getTracks() ?? [];
        return track?.readyState === 'live' ? track.getSettings().deviceId : undefined;
      });
    assert.ok(await cameras.isHidden());
    await page.getByTestId('webcam-start').click();
    await cameras.waitFor();
    const [one, other] = await cameras
      .locator('option')
      .evaluateAll((options) => options.map(({ value }) => value));
    assert.equal(await running(), one);
    await cameras.selectOption(other);
    for (let i = 0; i < 100 && (await running()) !== other; i++) await page.waitForTimeout(50);
    assert.equal(await running(), other);
    assert.equal(await cameras.inputValue(), other);
    await page.getByTestId('webcam-stop').click();
    assert.ok(await cameras.isHidden());
    const code = await page.evaluate(async () => {
      const { openCamera } = await import('/xception-web/index.js');
      const { signal } = new AbortController();
      const video = document.createElement('video');
      return openCamera(video, { signal, deviceId: 'none' }).catch(({ code }) => code);
    });
    assert.equal(code, 'missing');
  } finally {
    await site.stop();
  }
});
