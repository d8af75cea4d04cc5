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

/**
 * The model as it travels: an absolute address, or the bytes. `config` is JSON that came beside it, `bytes` how
 * many there are where its host has said so.
 */
export type ModelSource = { sha256?: string; config?: string } & (
  { url: string; cache: boolean; bytes?: number; expected?: Expected } | { blob: Blob }
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

/** What is looked at. */
interface Looked {
  picture: Picture;
  view: View;
}

/** `info` only where it has changed: it holds all labels. */
interface News<T> {
  result: T;
  info?: ClassifierInfo;
}

/** What the worker can be asked, by the type of the request: what it is given, and what it answers. */
interface Exchanges {
  create: [Creation, { type: 'created'; info: ClassifierInfo }];
  classify: [Looked & { topK: number }, { type: 'classified' } & News<Classification>];
  explain: [Looked & { index?: number }, { type: 'explained' } & News<Explanation>];
  embed: [Looked, { type: 'embedded' } & News<Float32Array>];
  /** A picture to what the network sees of it, for a batch. */
  prepare: [Looked, { type: 'prepared' } & News<Prepared>];
  /** A batch of those, one after the other. */
  run: [{ inputs: Float32Array; count: number; topK: number }, { type: 'ran' } & News<Ran>];
  name: [{ labels: string }, { type: 'named'; info: ClassifierInfo }];
  teach: [Teaching, { type: 'taught'; head: string; report: LessonReport }];
  /** Answers by this head, or without one by the model's own. */
  use: [{ head?: string }, { type: 'used'; info: ClassifierInfo }];
  /** Asks for the file of the model with this head. */
  write: [{ head: string }, { type: 'written'; bytes: Uint8Array }];
}

export type Kind = keyof Exchanges;
export type Ask<K extends Kind> = { [T in K]: { type: T } & Exchanges[T][0] }[K];
export type Answer<K extends Kind> = Exchanges[K][1];

/** What goes with every message that belongs to one request. */
interface Numbered {
  id: number;
}

export type Request = Numbered & (Ask<Kind> | { type: 'cancel' });

export type Reply =
  /** The script has been run: from now on the worker answers for its own errors. */
  | { type: 'started' }
  | { type: 'progress'; progress: Progress }
  | (Numbered &
      (
        | Answer<Kind>
        /** How far a lesson is, before its answer. */
        | { type: 'step'; step: Step }
        | { type: 'failed'; error: PlainError }
        /** What was sent has been let go before any work on it. */
        | { type: 'cancelled' }
      ));

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
