// The room where one's own things are taught: names, pictures, learning, and what came of it. A part of its
// own, which the page fetches when somebody opens it.

import type { ImageClassifier, Lesson } from 'xception-web';
import { messageOf, part } from './dom.js';
import { isPicture } from './pictures.js';
import { styled } from './styles.js';
import { Lens } from './teach-lens.js';
import { MOST_THINGS, Thing, type Sample } from './teach-thing.js';
import { Learning, type Course } from './teach-learning.js';

interface Takers {
  /** What runs now; another one sees other features. */
  classifier: () => ImageClassifier | undefined;
  /** From now on the page answers by what was taught. */
  use: (lesson: Lesson, name: string) => Promise<void>;
  /** The page's camera is wanted. */
  watch: () => void;
  /** What happens when the room is closed is the page's. */
  failed: (error: unknown) => void;
}

const FEWEST_THINGS = 2;
/** What every model made here is called: its labels say the rest. */
const TITLE = 'Things of your own';

const ROOM = `
  <header>
    <h2 id="teach-title">Teach it your things</h2>
    <button class="button small" type="button" data-part="close" data-testid="teach-close">Close</button>
  </header>
  <p class="quiet">Name two to twenty things and show each ten pictures or more, from several sides and against
    several backgrounds. Pictures, and what is learnt from them, stay on this device.</p>
  <div class="lens" data-part="lens" hidden><video muted playsinline aria-label="Camera"></video></div>
  <div class="actions">
    <button class="button" type="button" data-part="camera" aria-pressed="false" data-testid="teach-camera">Camera</button>
    <button class="button" type="button" data-part="flip" hidden>Turn round</button>
    <div class="picker">
      <input id="teach-folder" class="covered" type="file" webkitdirectory multiple data-part="folder" data-testid="teach-folder" />
      <label class="button" for="teach-folder">Folders, one per thing</label>
    </div>
  </div>
  <ol class="things" role="list" aria-label="Things" data-part="things"></ol>
  <button class="button" type="button" data-part="add" data-testid="teach-add">Add a thing</button>
  <section class="learning" aria-labelledby="teach-learn-title">
    <h3 id="teach-learn-title" class="covered">Learning</h3>
    <div class="actions">
      <button class="button primary" type="button" data-part="learn" data-testid="teach-learn">Learn</button>
      <button class="button" type="button" data-part="cancel" data-testid="teach-cancel" hidden>Cancel</button>
    </div>
    <p class="quiet" data-part="missing" data-testid="teach-missing"></p>
    <div data-part="course" hidden>
      <svg viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true"><polyline data-part="line" /></svg>
      <p class="quiet" data-part="course-text"></p>
    </div>
    <div class="result" data-part="result" data-testid="teach-result" tabindex="-1" hidden></div>
  </section>
  <p class="error" role="alert" data-part="trouble" data-testid="teach-trouble" hidden></p>
  <p class="covered" role="status" data-part="said"></p>
`;

/** Once: what opens the room, as it was left. */
export async function begin(takers: Takers): Promise<() => void> {
  await styled('teach-style.css');
  const room = new Room(takers);
  return () => room.open();
}

class Room {
  readonly #takers: Takers;
  readonly #dialog = document.createElement('dialog');
  readonly #lens: Lens;
  readonly #learning: Learning;
  readonly #things: Thing[] = [];
  #numbered = 0;

  constructor(takers: Takers) {
    this.#takers = takers;
    const dialog = this.#dialog;
    dialog.className = 'teach';
    dialog.setAttribute('aria-labelledby', 'teach-title');
    dialog.dataset.testid = 'teach';
    dialog.innerHTML = ROOM;
    document.body.append(dialog);
    part(dialog, 'camera').addEventListener('click', () => this.#clear()); // Before it is opened.
    this.#lens = new Lens(dialog, (error) => this.#fail(error));
    this.#learning = new Learning(dialog, {
      learn: (options) => this.#learn(options),
      use: async (lesson, name, live) => {
        // First: what is said on the page behind an open dialog, nobody hears.
        dialog.close();
        try {
          await takers.use(lesson, name);
          if (live) takers.watch();
        } catch (error) {
          takers.failed(error);
        }
      },
      failed: (error) => this.#fail(error),
      said: (text) => this.#say(text),
    });
    part(dialog, 'close').addEventListener('click', () => dialog.close());
    part(dialog, 'add').addEventListener('click', () => this.#add().focus());
    dialog.addEventListener('close', () => {
      this.#lens.stop();
      this.#learning.cancel();
    });
    const folder = part<HTMLInputElement>(dialog, 'folder');
    folder.addEventListener('change', () => {
      this.#takeFolders([...(folder.files ?? [])]);
      folder.value = '';
    });
    // What comes in here is not for the page behind.
    for (const type of ['dragover', 'drop', 'paste'] as const) {
      dialog.addEventListener(type, (event) => {
        event.stopPropagation();
        if (type !== 'paste') event.preventDefault();
      });
    }
    for (let i = 0; i < FEWEST_THINGS; i++) this.#add();
  }

  open(): void {
    if (this.#dialog.open) return; // Pressed twice while it came.
    this.#clear();
    this.#dialog.showModal();
    this.#things[0]?.focus();
  }

  #add(name = ''): Thing {
    const thing = new Thing(++this.#numbered, name, {
      frame: () => this.#lens.frame(),
      look: (picture) => this.#look(picture),
      begun: () => this.#clear(),
      changed: () => this.#changed(),
      removed: () => {
        this.#things.splice(this.#things.indexOf(thing), 1);
        this.#changed();
        part(this.#dialog, 'add').focus();
      },
      failed: (error) => this.#fail(error),
      said: (text) => this.#say(text),
    });
    this.#things.push(thing);
    part(this.#dialog, 'things').append(thing.item);
    this.#changed();
    return thing;
  }

  /** What a picture is to the network that runs. */
  async #look(picture: Blob): Promise<Omit<Sample, 'picture'>> {
    const by = this.#takers.classifier();
    if (!by) throw new Error('The model is still loading. Try again in a moment.');
    return { by, features: await by.embed(picture) };
  }

  /** A folder for each thing: its pictures go to the thing of its name. */
  #takeFolders(files: File[]): void {
    this.#clear();
    const folders = new Map<string, File[]>();
    for (const file of files) {
      const name = file.webkitRelativePath.split('/').at(-2) ?? '';
      if (isPicture(file)) folders.set(name, [...(folders.get(name) ?? []), file]);
    }
    if (folders.size === 0) return this.#fail(new Error('There is no picture in that folder.'));
    for (const [name, pictures] of folders) {
      const free = () =>
        this.#things.find((thing) => thing.name === '' && thing.samples.length === 0);
      let thing = this.#things.find((thing) => thing.name === name) ?? free();
      if (!thing && this.#things.length >= MOST_THINGS) {
        return this.#fail(new Error(`There are more than ${MOST_THINGS} folders. Choose fewer.`));
      }
      thing ??= this.#add();
      thing.name = name;
      void thing.take(pictures);
    }
  }

  #learn({ signal, onProgress }: Course): Promise<Lesson> {
    const classifier = this.#takers.classifier();
    if (!classifier) throw new Error('The model is still loading. Try again in a moment.');
    const classes = this.#things.map(({ name, samples }) => ({
      label: name,
      images: samples.map(({ by, features, picture }) => (by === classifier ? features : picture)),
    }));
    return classifier.teach({ classes, title: TITLE, signal, onProgress });
  }

  /** Says what is missing before anything can be learnt. */
  #changed(): void {
    const names = this.#things.map(({ name }) => name);
    const twice = names.find((name, at) => name && names.indexOf(name) !== at);
    const empty = this.#things.find(({ samples }) => samples.length === 0);
    const missing =
      this.#things.length < FEWEST_THINGS
        ? 'Add a second thing: it learns to tell them apart.'
        : names.includes('')
          ? 'Name each thing.'
          : twice
            ? `Two things are called “${twice}”.`
            : empty
              ? `Show it pictures of “${empty.name}”.`
              : '';
    part(this.#dialog, 'missing').textContent = missing;
    part<HTMLButtonElement>(this.#dialog, 'learn').disabled = missing !== '';
    part(this.#dialog, 'add').hidden = this.#things.length >= MOST_THINGS;
  }

  #say(text: string): void {
    part(this.#dialog, 'said').textContent = text;
  }

  #fail(error: unknown): void {
    const trouble = part(this.#dialog, 'trouble');
    trouble.textContent = messageOf(error);
    trouble.hidden = false;
  }

  /** What went wrong was before this. */
  #clear(): void {
    part(this.#dialog, 'trouble').hidden = true;
  }
}
