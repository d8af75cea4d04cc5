// What a caller may pass in and gets back, and the checks of it.

import { OptionError } from './errors.js';
import type { Input } from './protocol.js';
import { checkCrop, type Crop, type ViewOptions } from './view.js';

/** The backends that run the network. */
export type Backend = 'webgpu' | 'cpu' | 'ndarray';

export const BACKENDS = ['auto', 'webgpu', 'cpu', 'ndarray'] as const;

/** `auto` takes WebGPU where a hardware adapter answers and is faster, the CPU otherwise. */
export type BackendChoice = (typeof BACKENDS)[number];

export const PRECISIONS = ['auto', 'f32', 'q8'] as const;

/** `auto` is what the model's file keeps, so that no answer changes unasked. */
export type Precision = (typeof PRECISIONS)[number];

/** What is said of a model's input that its file does not say, or says otherwise. */
export interface InputOptions {
  /** The side of the square that the network sees, in pixels. */
  size?: number;
  /** How pictures become that square. */
  crop?: Crop;
  /** Subtracted from values between 0 and 1: one number, or one for red, green and blue. */
  mean?: number | readonly [number, number, number];
  /** Divided by after that. */
  std?: number | readonly [number, number, number];
}

/** How far `create` is. `total` is absent when it cannot be known (a compressed transfer). */
export interface Progress {
  /**
   * `model`: the weights; `runtime`: the WebAssembly; `shaders`: what the GPU runs, compiled beside both;
   * `start`: building the network.
   */
  stage: 'model' | 'runtime' | 'shaders' | 'start';
  /** Bytes so far; of `shaders`, how many are compiled. */
  loaded: number;
  /** The same in all; never less than `loaded`. More shaders may turn out to be needed. */
  total?: number;
}

export interface CreateOptions extends InputOptions {
  /**
   * A registry id (see `models.list()`), a name on the Hugging Face hub (`timm/xception41.tf_in1k`,
   * `hf:USER/REPO/file@revision`), an address, or the file itself: this project's
   * safetensors, timm's safetensors, `.pth` or `pytorch_model.bin`, or Keras's `.keras` or `.h5`; of
   * TensorFlow.js the address of `model.json`, or a list of it and its shards. A string without a slash, a colon or a
   * model file's ending is an id. Default: `photos`, the small model of photographs that comes with the package.
   */
  model?: string | URL | Blob | ArrayBuffer | Uint8Array | FileList | readonly File[];
  /**
   * Names of the classes: an address or file of JSON, or the value itself. A list of names,
   * a `config.json` of Hugging Face (`id2label`) or timm (`label_names`), or Keras's
   * `imagenet_class_index.json`. Default: the model's own; ImageNet's for a model of 1000 classes that has none.
   */
  labels?: LabelSource;
  /** The model file's SHA-256 in hex; any other file is refused. */
  sha256?: string;
  /**
   * Keeps a downloaded model on this device, once it is complete and has proved usable; its
   * address is then not asked again. Default: for models of the registry but the bundled ones.
   */
  cache?: boolean;
  /** Threads of the CPU backend, at least 1. Default: what the runtime finds useful. */
  threads?: number;
  /** Default `auto`. */
  backend?: BackendChoice;
  /**
   * Where the package's own files are, as an address: worker, WebAssembly and models. For files that a
   * bundler left out, or that come from another origin. Default: where the package itself is.
   */
  assetBase?: string | URL;
  /**
   * `page` does all the work where `create` is called, which stands still meanwhile: for places that refuse
   * workers. Default `worker`.
   */
  runIn?: 'worker' | 'page';
  /**
   * `q8` runs in int8 on the CPU, about twice as fast and in half the memory, whatever the file keeps;
   * `f32` in single precision. Other backends multiply in single precision: see `info.precision`. Default `auto`.
   */
  precision?: Precision;
  onProgress?: (progress: Progress) => void;
  /** Ends loading; `create` then rejects with the signal's reason. */
  signal?: AbortSignal;
}

export type LabelSource = string | URL | Blob | readonly string[] | Record<string, unknown>;

/** A class: its label (in any case), its synset, or its place in the model's list. */
export type ClassName = string | number;

export interface ClassifyOptions extends ViewOptions {
  /** How many predictions to return, best first. Default 5. */
  topK?: number;
  /** Leaves out predictions with a lower score, between 0 and 1. Default 0. */
  minScore?: number;
  /** The only classes to name. Scores and `known` stay those among all classes. Default: every class. */
  allow?: readonly ClassName[];
  /** Classes not to name. Default: none. */
  deny?: readonly ClassName[];
  /** Gives the answer up; `classify` then rejects with the signal's reason. */
  signal?: AbortSignal;
}

export interface Prediction {
  /** The class's place in the model's list. */
  index: number;
  label: string;
  /** WordNet's id of the class, where the labels say it: `n02124075`. */
  synset?: string;
  /** Between 0 and 1. */
  score: number;
}

export interface Classification {
  /** Best first; none where `minScore` left none. */
  predictions: Prediction[];
  /** False when the model does not know what it sees: the predictions are then mere guesses. */
  known: boolean;
  /** The backend that computed this answer. */
  backend: Backend;
  /** Milliseconds. */
  timings: {
    /** From encoded file or bitmap to pixels. */
    decode: number;
    /** Resizing, cropping, normalising. */
    preprocess: number;
    /** The network itself. */
    inference: number;
    /** All of the worker's work on this picture. */
    total: number;
  };
}

export interface StreamOptions extends ClassifyOptions {
  /** The share that earlier answers keep in each score: from 0, none, to below 1. Default 0. */
  smoothing?: number;
}

/** An answer about a frame. */
export interface LiveClassification extends Classification {
  /** Answers a second, over the last one; 0 at the first answer. */
  fps: number;
  /** Frames that went by between the last answer's and this one's. */
  dropped: number;
}

/** What later calls take where they say nothing. */
export interface DefaultOptions extends Omit<ClassifyOptions, 'signal'> {
  /** Other names of the same classes, as `create` takes them. */
  labels?: LabelSource;
}

export interface ExplainOptions extends ViewOptions {
  /** The class to explain, by its place in the model's list. Default: the likeliest. */
  index?: number;
  /** Gives the answer up; `explain` then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Where in a picture a class was seen: its class activation map. It is exact, since the network ends in
 * a mean over places and one linear layer.
 */
export interface Explanation {
  /** The class that is explained. */
  index: number;
  label: string;
  /** Places side by side, and one above the other. */
  width: number;
  height: number;
  /** What each place says for the class, row by row; the mean is the class's logit. */
  values: Float32Array;
  /** The part of the picture, or of its region as it is turned, that the places lie on, as shares of its sides. */
  seen: { x: number; y: number; width: number; height: number };
}

export interface ModelInfo {
  architecture: string;
  /** Whose conventions the weights follow, for example `keras` or `timm`. */
  dialect: string;
  /** None where the model ends in features: it is then for `embed` and `teach`. */
  classes: number;
  /** How many numbers `embed` answers. */
  features: number;
  parameters: number;
  /** The side of the square that the network sees, in pixels. */
  inputSize: number;
  /** Whether `explain` works: not with dense layers with ReLU before the classifier. */
  explains: boolean;
  labels: string[];
  title?: string;
  licence?: string;
  provenance?: string;
}

/** Where the model's bytes came from, and whether this device keeps them. */
export interface ModelOrigin {
  from: 'given' | 'network' | 'cache';
  url?: string;
  bytes: number;
  /** The digest, where it was checked. */
  sha256?: string;
  /** Whether `models.cached()` lists it. */
  stored: boolean;
  /** One sentence to show. */
  note: string;
}

export interface AdapterInfo {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  /** A software adapter: it computes on the CPU, slowly. */
  software: boolean;
}

/** Milliseconds that the network takes for a picture. */
export interface Speeds {
  webgpu: number;
  cpu: number;
}

export interface ClassifierInfo {
  /** The backend that runs now. */
  backend: Backend;
  /** The backend that was asked for. */
  requested: BackendChoice;
  /** Why this backend runs: one sentence. */
  reason: string;
  /** The WebGPU adapter, where one answered. */
  adapter?: AdapterInfo;
  /** What `auto` chose by, where it had a choice: tried once for each adapter, model and build, and kept on this device. */
  speeds?: Speeds;
  /** On WebGPU: how many pixels and output channels a unit of the large products makes on this kind of adapter. */
  tile?: { pixels: number; channels: number };
  /** What computes: `simd128` or `relaxed-simd`, either perhaps with `+threads`, or `webgpu`. */
  runtime: string;
  /** Threads in use. */
  threads: number;
  /** In what the network is computed. */
  precision: 'f32' | 'q8';
  /** Whether the page is cross-origin isolated, without which browsers allow no threads. */
  isolated: boolean;
  model: ModelInfo;
  origin: ModelOrigin;
  /** Milliseconds that `create` took. */
  timings: {
    /** Until the model's bytes were there; loads beside the runtime. */
    model: number;
    /** Until the WebAssembly was compiled. */
    runtime: number;
    /** Building the network; on WebGPU its self-test too. */
    start: number;
    total: number;
  };
}

export function checkBackend(backend: unknown): BackendChoice {
  const known = BACKENDS.find((name) => name === backend);
  if (known) return known;
  throw new OptionError(
    `There is no backend called ${quote(backend)}. Choose one of ${BACKENDS.join(', ')}.`,
  );
}

export function checkPrecision(precision: unknown): Precision {
  const known = PRECISIONS.find((name) => name === precision);
  if (known) return known;
  throw new OptionError(
    `There is no precision called ${quote(precision)}. Choose one of ${PRECISIONS.join(', ')}.`,
  );
}

/** The side that a network may see: beyond it a picture takes more memory than a tab may have. */
const MAX_SIZE = 2048;

export function checkInput({ size, crop, mean, std }: InputOptions): Input {
  if (size !== undefined && !(Number.isInteger(size) && size >= 1 && size <= MAX_SIZE)) {
    throw new OptionError(`size is ${quote(size)}. Give a whole number from 1 to ${MAX_SIZE}.`);
  }
  const input = { size, crop: checkCrop(crop), mean: channels('mean', mean) };
  return { ...input, std: channels('std', std, (number) => number !== 0) };
}

function channels(
  option: string,
  given: unknown,
  allowed = (_: number) => true,
): number[] | undefined {
  if (given === undefined) return undefined;
  const numbers = Array.isArray(given) ? given : [given, given, given];
  const isNumber = (number: unknown) => Number.isFinite(number) && allowed(number as number);
  if (numbers.length === 3 && numbers.every(isNumber)) return [...numbers];
  const text = Array.isArray(given) ? `[${given.join(', ')}]` : quote(given);
  throw new OptionError(
    `${option} is ${text}. Give a number, or one each for red, green and blue${allowed(0) ? '' : ', none of them 0'}.`,
  );
}

export function checkCount(name: string, count: unknown): number {
  if (typeof count === 'number' && Number.isInteger(count) && count >= 1) return count;
  throw new OptionError(`${name} is ${quote(count)}. Give a whole number of at least 1.`);
}

export function checkMinScore(minScore: unknown): number {
  if (typeof minScore === 'number' && minScore >= 0 && minScore <= 1) return minScore;
  throw new OptionError(`minScore is ${quote(minScore)}. Give a number from 0 to 1.`);
}

export function checkIndex(index: unknown, classes: number): number | undefined {
  if (index === undefined) return undefined;
  if (typeof index === 'number' && Number.isInteger(index) && index >= 0 && index < classes) {
    return index;
  }
  throw new OptionError(`index is ${quote(index)}. Give a whole number from 0 to ${classes - 1}.`);
}

/** A string would be a list too, of its letters. */
export function isList(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

export function checkSources<T>(sources: Iterable<T>): Iterable<T> {
  if (isList(sources)) return sources;
  throw new OptionError(
    `Cannot classify all of ${quote(sources)}. Give a list of pictures; for a single one, call classify.`,
  );
}

export function checkSha256(sha256: unknown): string | undefined {
  if (sha256 === undefined) return undefined;
  if (typeof sha256 === 'string' && /^[0-9a-f]{64}$/i.test(sha256)) return sha256.toLowerCase();
  throw new OptionError(`sha256 is ${quote(sha256)}. Give 64 hexadecimal digits.`);
}

/** Names a value in an error message. */
export function quote(value: unknown): string {
  if (typeof value === 'string') return `"${value}"`;
  if (typeof value === 'object' && value !== null) {
    return `a ${value.constructor?.name ?? 'object'}`;
  }
  return String(value);
}

/** A head that was taught, as JSON; none for the model's own. */
export function checkHead(lesson: { head: string } | undefined): string | undefined {
  if (lesson === undefined) return undefined;
  if (typeof lesson?.head === 'string') return lesson.head;
  throw new OptionError(
    `Cannot use ${quote(lesson)}. Give what teach answered, or nothing for the model’s own classes.`,
  );
}
