// One thing that is taught: its name, and the pictures of it.

import { PictureError, type ImageClassifier } from 'xception-web';
import { part } from './dom.js';

export const MOST_THINGS = 20;

/** Pictures that are shown of a thing, the newest of them; all count. */
const SHOWN = 24;
/** Milliseconds between two pictures while the button is held. */
const EVERY = 150;

export interface Sample {
  /** To look at once more, where another model runs by then. */
  picture: Blob;
  features: Float32Array;
  by: ImageClassifier;
}

interface Takers {
  /** What the camera sees. */
  frame: () => Promise<Blob>;
  look: (picture: Blob) => Promise<Omit<Sample, 'picture'>>;
  /** Pictures are on their way. */
  begun: () => void;
  changed: () => void;
  removed: () => void;
  failed: (error: unknown) => void;
  said: (text: string) => void;
}

export class Thing {
  readonly item = document.createElement('li');
  readonly samples: Sample[] = [];
  readonly #takers: Takers;
  readonly #name: HTMLInputElement;
  readonly #number: number;
  #holding = false;
  #taking: Promise<void> = Promise.resolve();

  constructor(number: number, name: string, takers: Takers) {
    this.#takers = takers;
    this.#number = number;
    this.item.className = 'thing';
    this.item.dataset.testid = 'thing';
    this.item.innerHTML = `
      <div class="name">
        <label class="covered" for="thing-${number}">Name of thing ${number}</label>
        <input id="thing-${number}" type="text" maxlength="100" placeholder="Thing ${number}" autocomplete="off" data-part="name" />
        <span class="quiet" data-part="count" data-testid="thing-count">no pictures</span>
        <button class="button small" type="button" data-part="remove">Remove</button>
      </div>
      <div class="actions">
        <button class="button small" type="button" data-part="hold" data-testid="thing-hold">Hold to record</button>
        <div class="picker">
          <input id="pictures-${number}" class="covered" type="file" accept="image/*" multiple data-part="files" data-testid="thing-files" />
          <label class="button small" for="pictures-${number}">Add pictures</label>
        </div>
      </div>
      <ul class="thumbs" role="list" data-part="thumbs"></ul>`;
    this.#name = part<HTMLInputElement>(this.item, 'name');
    this.#name.value = name;
    this.#name.addEventListener('input', () => this.#renamed());
    part(this.item, 'remove').addEventListener('click', () => {
      for (const image of this.item.querySelectorAll('img')) URL.revokeObjectURL(image.src);
      this.item.remove();
      takers.removed();
    });
    const files = part<HTMLInputElement>(this.item, 'files');
    files.addEventListener('change', () => {
      void this.take([...(files.files ?? [])]);
      files.value = '';
    });
    this.item.addEventListener('drop', ({ dataTransfer }) => {
      void this.take([...(dataTransfer?.files ?? [])]);
    });
    this.#listenToHold(part(this.item, 'hold'));
    this.#renamed();
  }

  get name(): string {
    return this.#name.value.trim();
  }

  set name(name: string) {
    this.#name.value = name;
    this.#renamed();
  }

  focus(): void {
    this.#name.focus();
  }

  /** Looks at these pictures too, one after the other. */
  take(pictures: Blob[]): Promise<void> {
    this.#takers.begun();
    this.#taking = this.#taking.then(() => this.#takeAll(pictures)).catch(this.#takers.failed);
    return this.#taking;
  }

  async #takeAll(pictures: Blob[]): Promise<void> {
    let unread = 0;
    for (const picture of pictures) {
      // Whoever removes the thing wants no more of it.
      if (!this.item.isConnected) return;
      await this.#takeOne(picture).catch((error: unknown) => {
        if (!(error instanceof PictureError)) throw error;
        unread++;
      });
    }
    if (unread > 0) {
      const message =
        unread === 1
          ? '1 file could not be read as a picture and was left out.'
          : `${unread} files could not be read as pictures and were left out.`;
      this.#takers.failed(new Error(message));
    }
    this.#takers.said(`${this.#called}: ${this.#counted()}`);
  }

  async #takeOne(picture: Blob): Promise<void> {
    const sample = { picture, ...(await this.#takers.look(picture)) };
    this.samples.push(sample);
    this.#show(sample);
    this.#count();
  }

  /** Records as long as it is held, by finger, mouse or key; a press without holding takes one picture. */
  #listenToHold(button: HTMLElement): void {
    const begin = () => {
      if (!this.#holding) void this.#record();
    };
    const end = () => (this.#holding = false);
    button.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      // The camera's picture may push the button from under the pointer.
      button.setPointerCapture(event.pointerId);
      begin();
    });
    button.addEventListener('keydown', ({ key, repeat }) => {
      if ((key === ' ' || key === 'Enter') && !repeat) begin();
    });
    for (const type of ['pointerup', 'pointercancel', 'pointerleave', 'keyup', 'blur']) {
      button.addEventListener(type, end);
    }
    // A screen reader presses without a pointer or key.
    button.addEventListener('click', () => {
      if (!this.#recorded) {
        begin();
        end();
      }
      this.#recorded = false;
    });
    button.addEventListener('contextmenu', (event) => event.preventDefault());
  }

  /** Whether a press has taken a picture that its click need not take again. */
  #recorded = false;

  async #record(): Promise<void> {
    this.#holding = this.#recorded = true;
    this.#takers.begun();
    this.item.classList.add('recording');
    try {
      do {
        const wait = new Promise((resolve) => setTimeout(resolve, EVERY));
        await this.#takeOne(await this.#takers.frame());
        await wait;
        // Neither removed nor closed away meanwhile.
      } while (this.#holding && this.item.offsetParent);
      this.#takers.said(`${this.#called}: ${this.#counted()}`);
    } catch (error) {
      this.#takers.failed(error);
    } finally {
      this.#holding = false;
      this.item.classList.remove('recording');
    }
  }

  get #called(): string {
    return this.name || `Thing ${this.#number}`;
  }

  #renamed(): void {
    part(this.item, 'hold').setAttribute('aria-label', `Hold to record ${this.#called}`);
    part(this.item, 'remove').setAttribute('aria-label', `Remove ${this.#called}`);
    part(this.item, 'files').setAttribute('aria-label', `Add pictures of ${this.#called}`);
    part(this.item, 'thumbs').setAttribute('aria-label', `Pictures of ${this.#called}`);
    this.#takers.changed();
  }

  #counted(): string {
    const { length } = this.samples;
    return length === 0 ? 'no pictures' : length === 1 ? '1 picture' : `${length} pictures`;
  }

  #count(): void {
    part(this.item, 'count').textContent = this.#counted();
    this.#takers.changed();
  }

  #show(sample: Sample): void {
    const thumbs = part(this.item, 'thumbs');
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.setAttribute('aria-label', `Remove picture ${this.samples.length} of ${this.#called}`);
    button.title = 'Remove';
    const image = new Image(48, 48);
    image.alt = '';
    image.src = URL.createObjectURL(sample.picture);
    button.append(image);
    item.append(button);
    const remove = () => {
      URL.revokeObjectURL(image.src);
      item.remove();
    };
    button.addEventListener('click', () => {
      const next = (item.nextElementSibling ?? item.previousElementSibling)?.firstElementChild;
      remove();
      this.samples.splice(this.samples.indexOf(sample), 1);
      this.#count();
      ((next as HTMLElement | undefined) ?? this.#name).focus();
    });
    thumbs.append(item);
    while (thumbs.childElementCount > SHOWN) {
      const oldest = thumbs.firstElementChild!;
      URL.revokeObjectURL(oldest.querySelector('img')!.src);
      oldest.remove();
    }
  }
}
