// What lies below the picture, and the room for teaching. Each room is a file of its own, loaded when it
// is opened or something comes for it.

import type { Classification, ImageClassifier, Lesson } from 'xception-web';
import { element } from './dom.js';
import { keepFiles } from './offline.js';

interface Takers {
  /** Classifies with what runs; waits for it where it is still loading. */
  classify: (file: File, signal: AbortSignal) => Promise<Classification>;
  classifier: () => ImageClassifier | undefined;
  /** What runs: as `create` takes it, and as people call it. */
  model: () => { model: File | string | undefined; name: string };
  /** Somebody wants to look at this picture. */
  pick: (file: File) => void;
  /** The room for teaching opens: it has a camera of its own. */
  teaching: () => void;
  /** From now on the page answers by what was taught. */
  use: (lesson: Lesson, name: string) => Promise<void>;
  /** The page's camera is wanted. */
  watch: () => void;
  failed: (error: unknown) => void;
}

export class Rooms {
  readonly #takers: Takers;
  readonly #history: () => Promise<typeof import('./history.js')>;
  readonly #folder: () => Promise<typeof import('./folder.js')>;
  /** How many times pictures came for the folder: the newest win, however long a listing takes. */
  #taken = 0;

  constructor(takers: Takers) {
    this.#takers = takers;
    this.#history = this.#below('history', async () => {
      const room = await import('./history.js');
      await room.begin(takers);
      return room;
    });
    this.#folder = this.#below('folder', async () => {
      const room = await import('./folder.js');
      await room.begin({ ...takers, model: () => takers.model().name });
      this.leave = () => room.stop('Another model was chosen: stopped');
      return room;
    });
    this.#below('speed', async () => (await import('./speed.js')).begin(takers));
    const teaching = once(async () => {
      const open = await (await import('./teach.js')).begin(takers);
      void keepFiles(['xception-web/wasm/teach_bg.wasm']); // The room works offline, too.
      return open;
    });
    element('teach-open').addEventListener('click', () => {
      teaching()
        .then((open) => (takers.teaching(), open()))
        .catch(takers.failed);
    });
    const input = element<HTMLInputElement>('folder-input');
    input.addEventListener('change', () => {
      void this.take([...(input.files ?? [])]);
      input.value = ''; // So that the same folder can be chosen again.
    });
  }

  /** Notes what a picture was found to be. */
  remember(file: File, answer: Classification): void {
    const { name } = this.#takers.model();
    this.#history()
      .then(({ add }) => add(file, answer, name))
      .catch(this.#takers.failed);
  }

  /** Names many pictures. */
  async take(files: File[] | FileSystemEntry[]): Promise<void> {
    const own = ++this.#taken;
    try {
      const { filesIn, take } = await this.#folder();
      element('folder').scrollIntoView({ block: 'nearest' });
      const all = isEntries(files) ? await filesIn(files) : files;
      if (own === this.#taken) await take(all);
    } catch (error) {
      this.#takers.failed(error);
    }
  }

  /** Another model is about to run: what this one began is not gone on with. */
  leave = (): void => {};

  /** A room in its details: comes when they are opened, or this is called. */
  #below<T>(id: string, load: () => Promise<T>): () => Promise<T> {
    const details = element(id);
    let pressed: HTMLElement | undefined;
    // The newest press that comes before the room's script is kept for it.
    const keep = (event: Event) => {
      const button = (event.target as HTMLElement).closest<HTMLElement>('button, [type=checkbox]');
      if (!button) return;
      event.preventDefault();
      event.stopPropagation();
      pressed = button;
      come();
    };
    details.addEventListener('click', keep, true);
    const enter = once(async () => {
      const room = await load();
      details.removeEventListener('click', keep, true);
      pressed?.click();
      return room;
    });
    const come = () =>
      void enter().catch((error: unknown) => {
        pressed = undefined;
        this.#takers.failed(error);
      });
    details.addEventListener('toggle', come);
    return enter;
  }
}

/** Loads a room once; again, where that failed. */
function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () =>
    (loaded ??= load().catch((error: unknown) => {
      loaded = undefined;
      throw error;
    }));
}

function isEntries(files: File[] | FileSystemEntry[]): files is FileSystemEntry[] {
  return files.length > 0 && !(files[0] instanceof File);
}
