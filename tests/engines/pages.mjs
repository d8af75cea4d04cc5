// What the tests do in a page, in every engine alike. The test's server has this file at /engines.mjs, and
// every page loads it as a script of its own: WebDriver's scripts may run in another world.

/** Loads the package and a classifier, for what follows. */
async function load({ from = '', ...options }) {
  const { ImageClassifier } = await import(`${from}/xception-web/index.js`);
  globalThis.classifier?.dispose();
  globalThis.classifier = await ImageClassifier.create(options);
  const { backend, runtime, threads, isolated, reason } = classifier.info;
  return { backend, runtime, threads, isolated, reason };
}

/** The likeliest classes of pictures by their addresses. */
async function classify(addresses) {
  const answers = {};
  for (const address of addresses) {
    const { predictions } = await classifier.classify(address);
    answers[address] = predictions.map(({ index, label, score }) => ({ index, label, score }));
  }
  return answers;
}

/** One picture from everything that shows it, by the name of the thing. */
async function everySource(address) {
  const blob = await (await fetch(address)).blob();
  const image = new Image();
  image.src = address;
  await image.decode();
  const draw = (canvas) => {
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    return { canvas, context };
  };
  const { canvas, context } = draw(document.createElement('canvas'));
  const sources = {
    File: new File([blob], 'picture.png', { type: 'image/png' }),
    Blob: new Blob([blob]),
    address,
    ImageData: context.getImageData(0, 0, canvas.width, canvas.height),
    ImageBitmap: await createImageBitmap(blob),
    canvas,
    OffscreenCanvas: draw(new OffscreenCanvas(1, 1)).canvas,
    img: image,
  };
  if (typeof VideoFrame !== 'undefined')
    sources.VideoFrame = new VideoFrame(canvas, { timestamp: 0 });
  const scores = {};
  for (const [name, source] of Object.entries(sources)) {
    const { predictions } = await classifier.classify(source);
    scores[name] = predictions.map(({ index, score }) => ({ index, score }));
  }
  sources.VideoFrame?.close();
  return scores;
}

/** What goes wrong, as the class and the code that it is told by. */
async function failures() {
  const package_ = await import('/xception-web/index.js');
  const told = (promise) =>
    promise.then(
      () => 'no error',
      (error) => {
        const { code, name } = error;
        return `${name} ${code} ${error instanceof package_[name]}`;
      },
    );
  const stopped = new AbortController();
  const given = classifier.classify('/samples/cat.svg', { signal: stopped.signal });
  stopped.abort();
  const said = {
    text: await told(classifier.classify(new Blob(['no picture']))),
    empty: await told(classifier.classify(new Blob([]))),
    number: await told(classifier.classify(3)),
    missing: await told(classifier.classify('/none.png')),
    model: await told(package_.ImageClassifier.create({ model: new Blob(['no model']) })),
    abort: await given.catch(({ name }) => name),
  };
  const awaited = told(classifier.classify('/samples/tabby.jpg'));
  classifier.dispose();
  said.meanwhile = await awaited;
  said.disposed = await told(classifier.classify('/samples/tabby.jpg'));
  return said;
}

/** Frames of a moving canvas, as of a camera. */
async function frames(address, count) {
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [320, 240];
  const context = canvas.getContext('2d');
  const video = document.createElement('video');
  video.muted = true;
  video.srcObject = canvas.captureStream(10);
  document.body?.append(video);
  const drawing = setInterval(() => {
    context.fillStyle = '#fff';
    context.fillRect(0, 0, 320, 240);
    context.drawImage(image, 40, 0, 240, 240);
  }, 50);
  await video.play();
  const abort = new AbortController();
  const labels = [];
  for await (const { predictions } of classifier.stream(video, { signal: abort.signal, topK: 1 })) {
    labels.push(predictions[0].label);
    if (labels.length === count) abort.abort();
  }
  clearInterval(drawing);
  return labels;
}

/** The label that the element finds in the picture of its `src`, and what it shows. */
async function element(address) {
  await import('/xception-web/element.js');
  const element = document.createElement('xception-classifier');
  element.setAttribute('backend', 'cpu');
  const answer = new Promise((resolve, reject) => {
    element.addEventListener('result', ({ detail }) => resolve(detail));
    element.addEventListener('error', ({ error, message }) => reject(error ?? message));
  });
  element.setAttribute('src', address);
  document.documentElement.append(element);
  const { predictions } = await answer;
  await new Promise(requestAnimationFrame);
  const shown = element.shadowRoot.querySelector('[part~=label]').textContent;
  element.remove();
  return [predictions[0].label, shown];
}

/** A model that is kept, and then taken from where it is kept; each classifier is disposed of. */
async function kept(times) {
  const { ImageClassifier, models } = await import('/xception-web/index.js');
  // WebKit drives a private window, which forgets what only a worker holds when that ends.
  globalThis.held = await caches.open('xception-web-models');
  const from = [];
  for (let i = 0; i < times; i++) {
    const one = await ImageClassifier.create({ backend: 'cpu', model: 'drawings', cache: true });
    from.push(one.info.origin.from);
    await one.classify('/samples/cat.svg');
    one.dispose();
  }
  const [{ bytes, sha256 }] = await models.cached();
  await models.clear();
  return { from, bytes, digits: sha256?.length, left: (await models.cached()).length };
}

/** What the engine itself has. */
async function has() {
  return {
    threads: typeof SharedArrayBuffer !== 'undefined',
    // One instruction of relaxed SIMD, as wasm.ts asks for it.
    relaxedSimd: WebAssembly.validate(
      // prettier-ignore
      new Uint8Array([
        0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0,
        65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11,
      ]),
    ),
    webgpu: 'gpu' in navigator,
    VideoFrame: typeof VideoFrame !== 'undefined',
    OffscreenCanvas: typeof OffscreenCanvas !== 'undefined',
    videoFrameCallback: 'requestVideoFrameCallback' in HTMLVideoElement.prototype,
  };
}

/** Drops a picture on the page. */
async function drop(address, name) {
  const transfer = new DataTransfer();
  const blob = await (await fetch(address)).blob();
  transfer.items.add(new File([blob], name, { type: blob.type }));
  const zone = document.querySelector('[data-testid=drop-zone]');
  const event = { dataTransfer: transfer, bubbles: true, cancelable: true };
  zone.dispatchEvent(new DragEvent('drop', event));
}

/** The labels that the page shows for a picture, once it does. */
async function shown(name) {
  const place = `[data-testid=predictions][aria-busy=false][data-source="${name}"]`;
  const rows = document.querySelectorAll(`${place} [data-testid=prediction]`);
  return rows.length > 0 && [...rows].map(({ dataset }) => dataset.label);
}

globalThis.engines = {
  element,
  load,
  classify,
  everySource,
  failures,
  frames,
  kept,
  has,
  drop,
  shown,
};
