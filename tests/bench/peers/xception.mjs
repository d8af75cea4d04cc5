// This package, through its public interface.

export const layout = 'rgba';
let classifier;

export async function init(model, { threads }) {
  const { ImageClassifier } = await import('/xception-web/index.js');
  classifier = await ImageClassifier.create({ model, backend: 'cpu', threads });
  const { threads: ran } = classifier.info;
  if (ran === threads || (ran === undefined && threads === 1)) return;
  const why =
    ran === undefined ? 'this build of the package has no threads' : classifier.info.reason;
  return `asked for ${threads} threads, got ${ran ?? 1}: ${why}`;
}

/** Where the time of loading went, in milliseconds. */
export const parts = () => classifier.info.timings;

/** Logits up to a constant, and the milliseconds from prepared input to logits. */
export async function infer(rgba, size) {
  const image = new ImageData(new Uint8ClampedArray(rgba), size, size);
  const { predictions, timings } = await classifier.classify(image, { topK: 1000 });
  const logits = new Float32Array(predictions.length);
  for (const { index, score } of predictions) logits[index] = Math.log(score);
  return { logits, ms: timings.inference };
}

/** The whole pipeline on a video frame: milliseconds in all, and the package's own shares of it. */
export async function frame(canvas) {
  const begin = performance.now();
  const frame = new VideoFrame(canvas, { timestamp: 0 });
  const { timings } = await classifier.classify(frame);
  frame.close();
  return { ms: performance.now() - begin, timings };
}
