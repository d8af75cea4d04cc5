// This package, through its public interface.

export const layout = 'rgba';
let classifier, wanted;

export async function init(model, { threads, backend = 'cpu' }) {
  const { ImageClassifier } = await import('/xception-web/index.js');
  wanted = backend;
  classifier = await ImageClassifier.create({ model, backend, threads });
  const { threads: ran, backend: took } = classifier.info;
  if (took !== backend) return `asked for ${backend}, got ${took}: ${classifier.info.reason}`;
  if (ran === threads || (ran === undefined && threads === 1)) return;
  const why =
    ran === undefined ? 'this build of the package has no threads' : classifier.info.reason;
  return `asked for ${threads} threads, got ${ran ?? 1}: ${why}`;
}

/** The answer, unless another backend than the one to be measured gave it: a GPU may fail later. */
function kept(answer) {
  if (answer.backend === wanted) return answer;
  throw new Error(`asked for ${wanted}, answered by ${answer.backend}: ${classifier.info.reason}`);
}

/** Where the time of loading went, in milliseconds. */
export const parts = () => classifier.info.timings;

/** Logits up to a constant, and the milliseconds from prepared input to logits. */
export async function infer(rgba, size) {
  const image = new ImageData(new Uint8ClampedArray(rgba), size, size);
  const { predictions, timings } = kept(await classifier.classify(image, { topK: 1000 }));
  const logits = new Float32Array(predictions.length);
  for (const { index, score } of predictions) logits[index] = Math.log(score);
  return { logits, ms: timings.inference };
}

/** The whole pipeline on a video frame: milliseconds in all, and the package's own shares of it. */
export async function frame(canvas) {
  const begin = performance.now();
  const frame = new VideoFrame(canvas, { timestamp: 0 });
  const { timings } = kept(await classifier.classify(frame));
  frame.close();
  return { ms: performance.now() - begin, timings };
}
