// What lies below the picture. Each room is a file of its own, loaded when it is opened or something
// comes for it.

import type { Classification } from 'xception-web';
import { element } from './dom.js';

export interface RoomTakers {
  /** Classifies with what runs; waits for it where it is still loading. */
  classify: (file: File, signal: AbortSignal) => Promise<Classification>;
  /** What runs: as `create` takes it, and as people call it. */
  model: () => { model: File | string | undefined; name: string };
  /** Somebody wants to look at this picture. */
  pick: (file: File) => void;
  failed: (error: unknown) => void;
}

export class Rooms {
  readonly #takers: RoomTakers;
  readonly #history: () => Promise<typeof import('./history.js')>;
  readonly #folder: () => Promise<typeof import('./folder.js')>;
  #isFolderThere = false;

  constructor(takers: RoomTakers) {
    this.#takers = takers;
    this.#history = this.#once('history', async () => {
      const room = await import('./history.js');
      await room.begin(takers);
      return room;
    });
    this.#folder = this.#once('folder', async () => {
      const room = await import('./folder.js');
      room.begin({ ...takers, model: () => takers.model().name });
      this.#isFolderThere = true;
      return room;
    });
    this.#once('speed', async () => (await import('./speed.js')).begin(takers));
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
    try {
      const { filesIn, take } = await this.#folder();
      element('folder').scrollIntoView({ block: 'nearest' });
      await take(isEntries(files) ? await filesIn(files) : files);
    } catch (error) {
      this.#takers.failed(error);
    }
  }

  /** Another model runs: what the last one began is not gone on with. */
  async changed(): Promise<void> {
    if (this.#isFolderThere) (await this.#folder()).stop('Another model was chosen: stopped');
  }

  /** Loads a room when its details are opened, or this is called; again, where that failed. */
  #once<T>(id: string, load: () => Promise<T>): () => Promise<T> {
    const details = element(id);
    let loaded: Promise<T> | undefined;
    let pressed: HTMLElement | undefined;
    // The newest press that comes before the room's script is kept for it.
    const keep = (event: Event) => {
      const button = (event.target as HTMLElement).closest<HTMLElement>('button, [type=checkbox]');
      if (!button) return;
      event.preventDefault();
      event.stopPropagation();
      pressed = button;
      tell();
    };
    details.addEventListener('click', keep, true);
    const begin = async () => {
      const room = await load();
      details.removeEventListener('click', keep, true);
      pressed?.click();
      return room;
    };
    const enter = () =>
      (loaded ??= begin().catch((error: unknown) => {
        loaded = pressed = undefined;
        throw error;
      }));
    const tell = () => void enter().catch(this.#takers.failed);
    details.addEventListener('toggle', tell);
    return enter;
  }
}

function isEntries(files: File[] | FileSystemEntry[]): files is FileSystemEntry[] {
  return files.length > 0 && !(files[0] instanceof File);
}
