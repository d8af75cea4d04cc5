// Compiled, never run: what must be accepted, and what must be refused.
import {
  ImageClassifier,
  listCameras,
  models,
  openCamera,
  overlay,
  similarity,
  type Camera,
  type Classification,
  type Lesson,
  type ModelDescription,
  type RegistryModel,
  type TeachProgress,
} from 'xception-web';
import type { XceptionClassifier } from 'xception-web/element';

const labels = { id2label: { 0: 'a' } };
const classifier = await ImageClassifier.create({
  model: 'drawings',
  labels,
  cache: true,
  threads: 2,
  precision: 'q8',
  size: 150,
  crop: 'pad',
  mean: 0.5,
  std: [0.5, 0.5, 0.5],
});
const bytes = new Uint8Array(3);
const region = { x: 0, y: 0, width: 1, height: 1, unit: 'shares' } as const;
await classifier.classify(bytes, { region, rotate: 90, crop: 'squash' });
await classifier.classify({ data: bytes, width: 1, height: 1 });
await classifier.setOptions({ topK: undefined, labels: ['a'], deny: [0] });
const settled = await classifier.classifyAllSettled([bytes.buffer, new Blob()]);
const reasons: unknown[] = settled.map((one) =>
  one.status === 'rejected' ? one.reason : one.value,
);
for await (const { fps, dropped } of classifier.stream(new MediaStream(), { smoothing: 0.5 })) {
  reasons.push(fps.toFixed(), dropped);
}
const cameras: Camera[] = await listCameras();
const element: XceptionClassifier = document.createElement('xception-classifier');
const ended: void = classifier[Symbol.dispose]();
const precision: 'f32' | 'q8' = classifier.info.precision;
await ImageClassifier.create({ assetBase: new URL('https://cdn.example/'), runIn: 'page' });
const answer: Classification = await classifier.classify(new ImageData(1, 1), { topK: 3 });
const both: Classification[] = await classifier.classifyAll(['a.png', new Blob()], {
  minScore: 0.5,
  allow: ['cat', 3],
  deny: ['n02123045'],
});
const known: boolean = answer.known;
const synset: string | undefined = answer.predictions[0]?.synset;
const list: RegistryModel[] = await models.list();
const { runtime, threads, isolated, origin } = classifier.info;
const camera: MediaStream = await openCamera(document.createElement('video'));
const files: Classification[] = await classifier.classifyAll(new DataTransfer().files);
const features: Float32Array = await classifier.embed('a.png');
const alike: number = similarity(features, await classifier.embed('b.png'));
const lesson: Lesson = await classifier.teach({
  classes: [
    { label: 'cup', images: ['a.png', features] },
    { label: 'pen', images: new Set(['b.png']) },
  ],
  onProgress: (now: TeachProgress) => void (now.stage === 'learn' ? now.loss : now.total),
});
const shade: ImageData = await overlay(await classifier.explain(bytes), { darkness: 0.5 });
const described: ModelDescription = await models.describe('timm/xception41.tf_in1k');
await classifier.use(lesson);
await classifier.use({ head: lesson.head });
const taught: Uint8Array = await lesson.bytes();
export const used: unknown[] = [
  alike,
  lesson.report.accuracy,
  taught,
  shade,
  described.stored,
  both,
  cameras,
  element,
  ended,
  files,
  precision,
  reasons,
  camera,
  known,
  synset,
  list,
  runtime,
  threads,
  isolated,
  origin.note,
];

// @ts-expect-error a file is no name
await models.describe(new Blob());
// @ts-expect-error a class has a label
await classifier.teach({ classes: [{ images: [] }] });
// @ts-expect-error no such backend
await ImageClassifier.create({ backend: 'gpu' });
// @ts-expect-error no such place
await ImageClassifier.create({ runIn: 'space' });
// @ts-expect-error threads are counted
await ImageClassifier.create({ threads: 'all' });
// @ts-expect-error a list of one is still a list
await classifier.classify('a.png', { allow: 'cat' });
// @ts-expect-error no such precision
await ImageClassifier.create({ precision: 'int8' });
// @ts-expect-error no such way to a square
await classifier.classify('a.png', { crop: 'contain' });
// @ts-expect-error a signal is of one call
await classifier.setOptions({ signal: new AbortController().signal });
// @ts-expect-error a number is no picture
await classifier.classify(3);
// @ts-expect-error a string is a list of letters
await classifier.classifyAll('cat.png');
// @ts-expect-error the constructor is not for callers
new ImageClassifier();
