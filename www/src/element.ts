// <xception-classifier>: a picture or a camera and its labels, for pages without a script of their own.
// Made of what the package exports, and loaded only by who asks for it.

import {
  BackendError,
  ImageClassifier,
  WorkerError,
  openCamera,
  type BackendChoice,
  type Classification,
  type ImageSource,
  type Precision,
} from './index.js';
import { make } from './furniture.js';

/** What decides which classifier there is. */
const OF_CREATION = ['model', 'backend', 'precision'];
/** Scores in words. */
const PERCENT = new Intl.NumberFormat(undefined, { style: 'percent' });
/** Milliseconds between what is spoken of a camera. */
const PAUSE = 2500;

/** Servers that import this have no elements. */
const Base = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement;

/**
 * Attributes: `model`, `backend`, `precision` as `ImageClassifier.create` takes them, `top-k`, `src` (a
 * picture’s address) and `camera` (there: on; `user` or `environment`: which). The model is loaded when
 * the first picture comes. Events: `ready` with `classifier.info` as its `detail`, `result` with a
 * `Classification`, `error` with the error.
 */
export class XceptionClassifier extends Base {
  static readonly observedAttributes = [...OF_CREATION, 'top-k', 'src', 'camera'];

  readonly #parts: ReturnType<typeof make>;
  #classifier: Promise<ImageClassifier> | undefined;
  /** Ends what is shown now; another picture comes, or the element goes. */
  #showing = new AbortController();
  #source: ImageSource | undefined;
  #address = '';
  #spoken = -Infinity;

  constructor() {
    super();
    this.#parts = make(this);
    this.#listen();
  }

  connectedCallback(): void {
    this.#begin();
  }

  disconnectedCallback(): void {
    // Moved elsewhere it is back at once.
    queueMicrotask(() => this.isConnected || this.#end());
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (!this.isConnected || before === now) return;
    if (OF_CREATION.includes(name)) this.#dispose();
    if (name === 'src') this.#source = undefined;
    this.#begin();
  }

  /** Shows a picture and answers with its labels; `result` and `error` tell of it too. */
  async classify(source: ImageSource): Promise<Classification> {
    this.#source = source;
    if (this.hasAttribute('camera')) this.removeAttribute('camera');
    return this.#picture(source);
  }

  /** The classifier, which is created by whatever asks first. */
  get classifier(): Promise<ImageClassifier> {
    return (this.#classifier ??= this.#create());
  }

  #begin(): void {
    const camera = this.getAttribute('camera');
    const source = this.#source ?? this.getAttribute('src');
    this.#parts.camera.setAttribute('aria-pressed', String(camera !== null));
    const work = camera !== null ? this.#live(camera) : source && this.#picture(source);
    if (work)
      work.catch(() => {}); // Told already.
    else this.#clear();
  }

  async #create(): Promise<ImageClassifier> {
    this.#say('loading');
    const classifier = await ImageClassifier.create({
      model: this.getAttribute('model') ?? undefined,
      backend: (this.getAttribute('backend') as BackendChoice | null) ?? undefined,
      precision: (this.getAttribute('precision') as Precision | null) ?? undefined,
    });
    this.dispatchEvent(new CustomEvent('ready', { detail: classifier.info }));
    return classifier;
  }

  async #picture(source: ImageSource): Promise<Classification> {
    return this.#shown(async (signal) => {
      this.#preview(source);
      const classifier = await this.classifier;
      const answer = await classifier.classify(source, { topK: this.#topK, signal });
      this.#show(answer);
      this.#speak(answer);
      return answer;
    });
  }

  async #live(which: string): Promise<void> {
    return this.#shown(async (signal) => {
      const { video } = this.#parts;
      const facingMode = which === 'user' || which === 'environment' ? which : undefined;
      this.#say('loading');
      await openCamera(video, { signal, facingMode, mirror: 'auto' });
      video.hidden = false;
      const classifier = await this.classifier;
      for await (const answer of classifier.stream(video, { topK: this.#topK, signal })) {
        this.#show(answer);
        if (performance.now() - this.#spoken >= PAUSE) this.#speak(answer);
      }
    });
  }

  /** Instead of what was shown before. */
  async #shown<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#clear();
    const { signal } = (this.#showing = new AbortController());
    try {
      return await work(signal);
    } catch (error) {
      if (signal.aborted) throw error;
      // What could not be created may be tried again, and what is broken is replaced.
      this.#classifier?.catch(() => (this.#classifier = undefined));
      if (error instanceof BackendError || error instanceof WorkerError) this.#dispose();
      this.#parts.status.textContent = error instanceof Error ? error.message : String(error);
      this.#parts.status.dataset.state = 'error';
      this.dispatchEvent(new CustomEvent('error', { detail: error }));
      throw error;
    }
  }

  get #topK(): number {
    return Number(this.getAttribute('top-k') ?? 5);
  }

  #preview(source: ImageSource): void {
    const { image } = this.#parts;
    if (source instanceof Blob) this.#address = image.src = URL.createObjectURL(source);
    else if (typeof source === 'string' || source instanceof URL) image.src = String(source);
    else return;
    image.hidden = false;
  }

  #show(answer: Classification): void {
    const { predictions, row } = this.#parts;
    predictions.replaceChildren(
      ...answer.predictions.map(({ label, score }) => row(label, score, PERCENT.format(score))),
    );
    this.toggleAttribute('unknown', !answer.known);
    this.dispatchEvent(new CustomEvent('result', { detail: answer }));
  }

  #speak({ predictions: [best], known }: Classification): void {
    this.#spoken = performance.now();
    const text = best ? `${best.label}, ${PERCENT.format(best.score)}` : '';
    if (known) this.#say('', text);
    else this.#say('unknown', text);
  }

  /** What a screen reader says: a text that the page may replace, and more. */
  #say(state: string, text = ''): void {
    const { status, texts } = this.#parts;
    status.dataset.state = state;
    status.textContent = [texts(state), text].filter(Boolean).join(' ');
  }

  #clear(): void {
    this.#showing.abort();
    URL.revokeObjectURL(this.#address);
    const { image, predictions, video } = this.#parts;
    image.hidden = video.hidden = true;
    image.removeAttribute('src');
    predictions.replaceChildren();
    this.#say('');
  }

  #dispose(): void {
    this.#classifier?.then((classifier) => classifier.dispose()).catch(() => {});
    this.#classifier = undefined;
  }

  #end(): void {
    this.#clear();
    this.#dispose();
  }

  #listen(): void {
    const { camera, input } = this.#parts;
    const take = (files?: FileList | null) => {
      if (files?.[0]) this.classify(files[0]).catch(() => {});
    };
    input.addEventListener('change', () => {
      take(input.files);
      input.value = ''; // The same file may be chosen again.
    });
    camera.addEventListener('click', () => {
      this.#source = undefined;
      this.toggleAttribute('camera');
    });
    this.addEventListener('dragover', (event) => event.preventDefault());
    this.addEventListener('drop', (event) => {
      event.preventDefault();
      take(event.dataTransfer?.files);
    });
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'xception-classifier': XceptionClassifier;
  }
}

if (globalThis.customElements && !customElements.get('xception-classifier')) {
  customElements.define('xception-classifier', XceptionClassifier);
}
