// The messages between page and worker: the only thing that both sides know of each other.

import type { PlainError } from './errors.js';
import type { LessonReport, Step, Teaching } from './report.js';
import type { Crop, View } from './view.js';
import type {
  Backend,
  BackendChoice,
  Classification,
  ClassifierInfo,
  Explanation,
  Precision,
  Prediction,
  Progress,
} from './options.js';

/** The model as it travels: an absolute address, or the bytes; `config` is JSON that came beside it. */
export type ModelSource = { sha256?: string; config?: string } & (
  { url: string; cache: boolean; expected?: Expected } | { blob: Blob }
);

/** What the registry promises of a published file. */
export interface Expected {
  title: string;
  bytes: number;
  architecture?: string;
  classes: number;
}

export interface Creation {
  model: ModelSource;
  /** JSON. */
  labels?: string;
  backend: BackendChoice;
  threads?: number;
  precision: Precision;
  /** What is said of the input beside the model. */
  input: Input;
}

/** What is said of a model's input, a number for each channel. */
export interface Input {
  size?: number;
  crop?: Crop;
  mean?: number[];
  std?: number[];
  /** JSON of timm, which the others go before. */
  config?: string;
}

/** A picture as it travels; `name` is for error messages. */
export type Picture =
  | { kind: 'blob'; blob: Blob; name: string }
  | { kind: 'bitmap'; bitmap: ImageBitmap | VideoFrame; name: string }
  | { kind: 'pixels'; rgba: Uint8Array; width: number; height: number; name: string };

export type Request =
  | ({ type: 'create'; id: number } & Creation)
  | { type: 'classify'; id: number; picture: Picture; view: View; topK: number }
  | { type: 'explain'; id: number; picture: Picture; view: View; index?: number }
  | { type: 'embed'; id: number; picture: Picture; view: View }
  /** A picture to what the network sees of it, for a batch. */
  | { type: 'prepare'; id: number; picture: Picture; view: View }
  /** A batch of those, one after the other. */
  | { type: 'run'; id: number; inputs: Float32Array; count: number; topK: number }
  | { type: 'name'; id: number; labels: string }
  | ({ type: 'teach'; id: number } & Teaching)
  /** Answers by this head, or without one by the model's own. */
  | { type: 'use'; id: number; head?: string }
  /** Asks for the file of the model with this head. */
  | { type: 'write'; id: number; head: string }
  | { type: 'cancel'; id: number };

export type Reply =
  /** The script has been run: from now on the worker answers for its own errors. */
  | { type: 'started' }
  | { type: 'progress'; progress: Progress }
  | { type: 'created'; id: number; info: ClassifierInfo }
  /** `info` only where it has changed: it holds all labels. */
  | { type: 'classified'; id: number; result: Classification; info?: ClassifierInfo }
  | { type: 'explained'; id: number; result: Explanation; info?: ClassifierInfo }
  | { type: 'embedded'; id: number; result: Float32Array; info?: ClassifierInfo }
  | { type: 'step'; id: number; step: Step }
  | { type: 'taught'; id: number; head: string; report: LessonReport }
  | { type: 'used'; id: number; info: ClassifierInfo }
  | { type: 'written'; id: number; bytes: Uint8Array }
  | { type: 'prepared'; id: number; result: Prepared; info?: ClassifierInfo }
  | { type: 'ran'; id: number; result: Ran; info?: ClassifierInfo }
  | { type: 'named'; id: number; info: ClassifierInfo }
  | { type: 'failed'; id: number; error: PlainError }
  /** What was sent has been let go before any work on it. */
  | { type: 'cancelled'; id: number };

export interface Prepared {
  input: Float32Array;
  timings: { decode: number; preprocess: number };
}

/** The answers to a batch. */
export interface Ran {
  answers: { predictions: Prediction[]; known: boolean }[];
  backend: Backend;
  /** Milliseconds of the whole run. */
  inference: number;
}

/** What a thread of the CPU backend starts from; it answers with `READY`, or with what went wrong. */
export interface Start {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Whether the module was built with relaxed SIMD; each build has its own glue. */
  relaxed: boolean;
}

export const READY = 'ready';
