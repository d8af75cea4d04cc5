// The room's camera: what it sees is shown, and taken picture by picture.

import { listCameras } from 'xception-web';
import { opened, type Facing } from './cameras.js';
import { part } from './dom.js';
import { encoded } from './pictures.js';

/** The long side of a picture that is taken: as much as the networks see, and little to keep. */
const SIDE = 320;
const QUALITY = 0.9;

export class Lens {
  readonly #box: HTMLElement;
  readonly #video: HTMLVideoElement;
  readonly #button: HTMLElement;
  readonly #flip: HTMLElement;
  readonly #failed: (error: unknown) => void;
  #running: AbortController | undefined;
  #opened: Promise<void> = Promise.resolve();
  #facing: Facing = 'environment';

  constructor(room: HTMLElement, failed: (error: unknown) => void) {
    this.#failed = failed;
    this.#box = part(room, 'lens');
    this.#video = this.#box.querySelector('video')!;
    this.#button = part(room, 'camera');
    this.#flip = part(room, 'flip');
    this.#button.addEventListener('click', () => (this.#running ? this.stop() : this.start()));
    this.#flip.addEventListener('click', () => {
      this.#facing = this.#facing === 'user' ? 'environment' : 'user';
      this.start();
    });
  }

  start(): void {
    this.#running?.abort();
    const { signal } = (this.#running = new AbortController());
    this.#button.setAttribute('aria-pressed', 'true');
    this.#box.hidden = false;
    this.#opened = this.#open(signal);
    this.#opened.catch((error: unknown) => {
      if (signal.aborted) return;
      this.stop();
      this.#failed(error);
    });
  }

  stop(): void {
    this.#running?.abort();
    this.#running = undefined;
    this.#button.setAttribute('aria-pressed', 'false');
    this.#box.hidden = this.#flip.hidden = true;
  }

  /** What it sees now, as it is and not as in a mirror; opened first, where it is not. */
  async frame(): Promise<Blob> {
    if (!this.#running) this.start();
    await this.#opened;
    const { videoWidth, videoHeight } = this.#video;
    const scale = Math.min(1, SIDE / Math.max(videoWidth, videoHeight, 1));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(videoWidth * scale));
    canvas.height = Math.max(1, Math.round(videoHeight * scale));
    canvas.getContext('2d')?.drawImage(this.#video, 0, 0, canvas.width, canvas.height);
    return encoded(canvas, 'image/jpeg', QUALITY);
  }

  async #open(signal: AbortSignal): Promise<void> {
    const options = { signal, facingMode: this.#facing };
    const { facing } = await opened(this.#video, options, () => this.stop());
    this.#facing = facing ?? this.#facing;
    const several = (await listCameras()).length > 1;
    if (!signal.aborted) this.#flip.hidden = !several || !facing;
  }
}
