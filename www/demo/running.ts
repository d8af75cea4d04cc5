// Which model runs, on which backend. The newest choice wins; until it is ready, what ran goes on.

import {
  BACKENDS,
  ImageClassifier,
  type BackendChoice,
  type Classification,
  type Lesson,
} from 'xception-web';
import { allowed } from './addresses.js';
import { element, messageOf } from './dom.js';
import { showEngine, showModel } from './facts.js';
import { showKnowledge } from './labels.js';
import { asked, keepInAddress } from './location.js';
import { Picker } from './models.js';
import { clearError, clearProgress, showProgress } from './notices.js';
import { keep } from './offline.js';
import { announce } from './speech.js';

/** What the package loads where nothing else is asked for. */
const DEFAULT = 'photos';

interface Want {
  backend: BackendChoice;
  /** A file or a registry id; `DEFAULT` without one. */
  model: File | string | undefined;
  labels: File | undefined;
}

interface Takers {
  /** What ran is about to go, and with it what it has begun. */
  leaving: () => void;
  /** From now on there are other answers. */
  ready: () => void;
  failed: (error: unknown) => void;
}

export class Running {
  classifier: ImageClassifier | undefined;
  readonly #takers: Takers;
  readonly #picker: Picker;
  #now: Want = { backend: 'auto', model: undefined, labels: undefined };
  /** Ends the loading that the next one replaces. */
  #loading: AbortController | undefined;
  #arrived!: () => void;
  readonly #first = new Promise<void>((resolve) => (this.#arrived = resolve));

  constructor(takers: Takers) {
    this.#takers = takers;
    this.#picker = new Picker({
      use: (id) => void this.change({ model: id, labels: undefined }),
      failed: takers.failed,
    });
    element('model-reset').addEventListener(
      'click',
      () => void this.change({ model: undefined, labels: undefined }),
    );
    element('loading-cancel').addEventListener('click', () => this.#cancel());
    document.querySelector('.choice')?.addEventListener('change', ({ target }) => {
      const { value } = target as HTMLInputElement;
      void this.change({ backend: value as BackendChoice });
    });
  }

  /** Loads what the address asks for. */
  async begin(): Promise<void> {
    const backend = asked.get('backend') ?? 'auto';
    const model = asked.get('model');
    this.#now.backend = BACKENDS.find((name) => name === backend) ?? 'auto';
    this.#showBackend();
    // An address alone asks no other host for anything: that takes a click.
    const bundled = model === null ? undefined : await this.#picker.bundled(model);
    await this.#load({ ...this.#now, model: bundled });
    if (backend !== this.#now.backend) {
      const names = BACKENDS.join(', ');
      this.#takers.failed(
        new Error(`There is no backend called "${backend}". Choose one of ${names}.`),
      );
    }
    if (model?.startsWith('hf:')) {
      const sentence = `This link wants the model ${model.slice(3)} from huggingface.co, which will learn your network address.`;
      if (await allowed(sentence)) await this.change({ model, labels: undefined });
    } else if (model && this.#now.model === undefined) await this.#picker.suggest(model);
  }

  get loads(): boolean {
    return this.#loading !== undefined;
  }

  /** As `create` takes it, and as people call it. */
  get model(): { model: Want['model']; name: string } {
    const { model } = this.#now;
    return { model, name: this.#nameOf(model) ?? this.classifier?.info.model.title ?? DEFAULT };
  }

  /** Waits for the first model where it is still loading. */
  async classify(file: File, signal: AbortSignal): Promise<Classification> {
    await this.#first;
    return this.classifier!.classify(file, { signal });
  }

  /** Loads what somebody chose; the address names it once it runs. */
  async change(choice: Partial<Want>): Promise<void> {
    clearError();
    if (await this.#load({ ...this.#now, ...choice })) this.#keepChoices();
  }

  /** From now on what was taught answers; its file is the model that goes to another backend. */
  async use(lesson: Lesson, name: string): Promise<void> {
    const { classifier } = this;
    if (!classifier) return;
    this.#loading?.abort(); // It would take the lesson's place.
    this.#settle();
    const file = await lesson.blob();
    this.#takers.leaving();
    try {
      await classifier.use(lesson);
      if (classifier !== this.classifier) return;
      this.#now = { ...this.#now, model: new File([file], name), labels: undefined };
      showModel(classifier.info, { name, id: undefined, isDefault: false });
      showKnowledge(classifier.info.model);
      this.#keepChoices();
      announce(`It now knows ${name}.`);
    } finally {
      this.#picker.choose(this.#now.model);
      this.#takers.ready(); // With the old classes, where that failed.
    }
  }

  async #load(want: Want): Promise<boolean> {
    this.#loading?.abort();
    const { signal } = (this.#loading = new AbortController());
    clearProgress();
    const { model } = want;
    const name = this.#nameOf(model);
    const total = model instanceof File ? model.size : this.#picker.bytesOf(model);
    const spoken = model instanceof File ? 'your model' : (name ?? 'the bundled model');
    showProgress({ stage: 'model', loaded: 0, total }, spoken);
    announce(`Loading ${spoken}.`);
    let loaded = false;
    try {
      const next = await ImageClassifier.create({
        ...want,
        signal,
        // It goes on to tell when it must load another program for a picture, having lost the GPU.
        onProgress: (progress) => signal.aborted || showProgress(progress, spoken),
      });
      // What waits for the first model goes on with it.
      if (this.classifier) this.#takers.leaving();
      this.classifier?.dispose();
      this.classifier = next;
      this.#arrived();
      this.#now = want;
      loaded = true;
      showEngine(next.info);
      showModel(next.info, {
        name,
        id: model instanceof File ? undefined : (model ?? DEFAULT),
        isDefault: model === undefined,
      });
      showKnowledge(next.info.model);
      announce(`Loaded ${spoken}. ${next.info.reason}`);
      this.#picker.choose(model);
      void this.#picker.showStored();
      this.#takers.ready();
      void keep(next.info);
    } catch (error) {
      if (signal.aborted) return false;
      announce('');
      this.#takers.failed(name ? new Error(`${name}: ${messageOf(error)}`) : error);
      this.#picker.choose(this.#now.model); // What goes on running, not what failed.
    }
    this.#settle();
    return loaded;
  }

  /** Nothing is loading any more. */
  #settle(): void {
    this.#loading = undefined;
    clearProgress();
    this.#showBackend();
  }

  /** Gives the loading up; what ran before goes on running. */
  #cancel(): void {
    this.#loading?.abort();
    this.#settle();
    announce('Loading was cancelled.');
    this.#picker.choose(this.#now.model);
    this.#picker.focus();
    if (this.classifier) this.#keepChoices();
    else this.#takers.failed(new Error('Loading was cancelled. Choose a model to go on.'));
  }

  #keepChoices(): void {
    const { backend, model } = this.#now;
    keepInAddress({ backend, model: model instanceof File ? undefined : model });
  }

  /** What the page calls a model; nothing for the bundled one. */
  #nameOf(model: Want['model']): string | undefined {
    return model instanceof File ? model.name : this.#picker.titleOf(model);
  }

  #showBackend(): void {
    for (const radio of document.querySelectorAll<HTMLInputElement>('[name=backend]')) {
      radio.checked = radio.value === this.#now.backend;
    }
  }
}
