// Teaching other classes: what is shown, and what came of it. The learning itself is in Rust.

import { throwIfAborted } from './cause.js';
import { OptionError } from './errors.js';
import { isList, quote } from './options.js';
import type { LessonReport, Step, Teaching } from './report.js';
import type { ImageSource } from './source.js';

export interface TeachClass {
  /** What it is to be called. */
  label: string;
  /** Pictures of it, or what `embed` answered to them. */
  images: Iterable<ImageSource | Float32Array>;
}

/** How far a lesson is: looking at pictures, or learning from what was seen. */
export type TeachProgress =
  { stage: 'look'; done: number; total: number } | ({ stage: 'learn' } & Step);

export interface TeachOptions {
  /** 2 to 20. */
  classes: Iterable<TeachClass>;
  /**
   * Share of each class's pictures that is held out, the last of them, to measure by: from 0 to 0.5.
   * Default 0.2.
   */
  validation?: number;
  /** What the model is to be called. */
  title?: string;
  onProgress?: (progress: TeachProgress) => void;
  /** Gives the lesson up; `teach` then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** What was learnt. Take it into use by `classifier.use(lesson)`. */
export class Lesson {
  /** The new head as JSON, some tens of kilobytes: `use` takes `{ head }` again later, on the same model. */
  readonly head: string;
  readonly report: LessonReport;
  readonly #write: () => Promise<Uint8Array>;

  /** @internal */
  constructor(head: string, report: LessonReport, write: () => Promise<Uint8Array>) {
    this.head = head;
    this.report = report;
    this.#write = write;
  }

  /** The whole model as one file, which `create`, the page and the command line open. */
  bytes(): Promise<Uint8Array> {
    return this.#write();
  }

  /** The same as a Blob. */
  async blob(): Promise<Blob> {
    return new Blob([(await this.#write()) as Uint8Array<ArrayBuffer>]);
  }

  /** Hands that file to the person, as a download. */
  async download(name = 'taught.safetensors'): Promise<void> {
    const url = URL.createObjectURL(await this.blob());
    const link = document.createElement('a');
    link.href = url;
    link.download = name;
    link.click();
    // Browsers begin to read it soon, and do not tell when they have.
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }
}

/** The features of all that is shown. */
export async function show(
  { classes, validation = 0.2, title, onProgress }: TeachOptions,
  embed: (image: ImageSource) => Promise<Float32Array>,
  width: number,
  signal: AbortSignal,
): Promise<Teaching> {
  const shown = [...checkClasses(classes)].map((given) => ({
    label: checkLabel(given?.label),
    images: [...checkImages(given)],
  }));
  if (typeof validation !== 'number' || !(validation >= 0 && validation <= 0.5)) {
    throw new OptionError(`validation is ${quote(validation)}. Give a number from 0 to 0.5.`);
  }
  if (title !== undefined && typeof title !== 'string') {
    throw new OptionError(`title is ${quote(title)}. Give a text.`);
  }
  const images = shown.flatMap(({ images }) => images);
  const features = new Float32Array(images.length * width);
  for (const [at, image] of images.entries()) {
    throwIfAborted(signal);
    const found = image instanceof Float32Array ? image : await embed(image);
    if (found.length !== width) {
      throw new OptionError(
        `Picture ${at + 1} was given as ${found.length} features, but this model has ${width}. Give the picture itself, or what this model’s embed answers.`,
      );
    }
    features.set(found, at * width);
    onProgress?.({ stage: 'look', done: at + 1, total: images.length });
  }
  const counts = shown.map(({ label, images }) => ({ label, pictures: images.length }));
  return { features, classes: counts, validation, title };
}

function checkClasses(classes: Iterable<TeachClass>): Iterable<TeachClass> {
  if (isList(classes)) return classes;
  throw new OptionError(
    `classes is ${quote(classes)}. Give a list of { label, images }, of 2 to 20 classes.`,
  );
}

function checkLabel(label: unknown): string {
  if (typeof label === 'string') return label;
  throw new OptionError(`A class’s label is ${quote(label)}. Give a text.`);
}

function checkImages({ label, images }: TeachClass): TeachClass['images'] {
  if (isList(images)) return images;
  throw new OptionError(`The images of "${label}" are ${quote(images)}. Give a list of pictures.`);
}
