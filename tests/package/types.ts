// Compiled, never run: what must be accepted, and what must be refused.
import {
  ImageClassifier,
  models,
  openCamera,
  similarity,
  type Classification,
  type Lesson,
  type RegistryModel,
  type TeachProgress,
} from 'xception-web';

const labels = { id2label: { 0: 'a' } };
const classifier = await ImageClassifier.create({
  model: 'drawings',
  labels,
  cache: true,
  threads: 2,
});
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
await classifier.use(lesson);
await classifier.use({ head: lesson.head });
const taught: Uint8Array = await lesson.bytes();
export const used: unknown[] = [
  alike,
  lesson.report.accuracy,
  taught,
  both,
  files,
  camera,
  known,
  synset,
  list,
  runtime,
  threads,
  isolated,
  origin.note,
];

// @ts-expect-error a class has a label
await classifier.teach({ classes: [{ images: [] }] });
// @ts-expect-error no such backend
await ImageClassifier.create({ backend: 'gpu' });
// @ts-expect-error threads are counted
await ImageClassifier.create({ threads: 'all' });
// @ts-expect-error a list of one is still a list
await classifier.classify('a.png', { allow: 'cat' });
// @ts-expect-error a number is no picture
await classifier.classify(3);
// @ts-expect-error a string is a list of letters
await classifier.classifyAll('cat.png');
// @ts-expect-error the constructor is not for callers
new ImageClassifier();
