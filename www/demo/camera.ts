// The camera and its buttons: which one, front or back, its light. Knows nothing of answers.

import { listCameras, type Camera as Seen } from 'xception-web';
import { opened, type Facing } from './cameras.js';
import { element } from './dom.js';
import { encoded } from './pictures.js';
import { clearStage, showVideo, video } from './stage.js';

const start = element<HTMLButtonElement>('webcam-start');
const stop = element<HTMLButtonElement>('webcam-stop');
const snap = element<HTMLButtonElement>('snap');
const freeze = element<HTMLButtonElement>('freeze');
const flip = element<HTMLButtonElement>('flip');
const torch = element<HTMLButtonElement>('torch');
const cameras = element<HTMLSelectElement>('cameras');
/** What gives its place to the camera's own buttons. */
const others = [start, element('picker'), element('address-open')];

interface Takers {
  /** It was asked for: what was shown and said before goes away. */
  opening: () => void;
  /** It shows something. */
  opened: () => void;
  /** A picture was taken; the camera is still on. */
  taken: (picture: File) => void;
  closed: () => void;
  failed: (error: unknown) => void;
}

/** The browsers' light of a camera, which TypeScript's DOM does not list. */
type Lit = { torch?: boolean };

export class Camera {
  readonly #takers: Takers;
  #running: AbortController | undefined;
  #track: MediaStreamTrack | undefined;
  /** Where there is a choice, the one that looks at things. */
  #facing: Facing = 'environment';

  constructor(takers: Takers) {
    this.#takers = takers;
    start.addEventListener('click', () => void this.start());
    stop.addEventListener('click', () => this.stop());
    snap.addEventListener('click', () => this.#take().catch(takers.failed));
    freeze.addEventListener('click', () => this.#freeze(!video.paused));
    flip.addEventListener('click', () => {
      this.#facing = this.#facing === 'user' ? 'environment' : 'user';
      void this.start();
    });
    torch.addEventListener('click', () => void this.#light());
    cameras.addEventListener('change', () => void this.start(cameras.value));
  }

  /** Asked for, whether or not it shows anything yet. */
  get runs(): boolean {
    return this.#running !== undefined;
  }

  get shows(): boolean {
    return this.runs && video.srcObject !== null;
  }

  stop(): void {
    if (!this.#running) return;
    this.#running.abort();
    this.#running = this.#track = undefined;
    this.#showButtons(false);
    clearStage();
    this.#takers.closed();
  }

  async start(deviceId?: string): Promise<void> {
    this.#running?.abort();
    const { signal } = (this.#running = new AbortController());
    freeze.setAttribute('aria-pressed', 'false');
    this.#takers.opening();
    this.#showButtons(true);
    try {
      const options = { signal, deviceId, facingMode: this.#facing };
      const { track, facing } = await opened(video, options, () => this.stop());
      this.#track = track;
      this.#facing = facing ?? this.#facing;
      showVideo();
      snap.hidden = freeze.hidden = false;
      this.#takers.opened();
      this.#offerLight();
      // Their names are known only now that one was allowed.
      const found = await listCameras();
      if (!signal.aborted) this.#offer(found, track.getSettings());
    } catch (error) {
      if (signal.aborted) return;
      this.stop();
      this.#takers.failed(error);
    }
  }

  /** What the camera sees now, as it is and not as in a mirror. */
  async #take(): Promise<void> {
    const canvas = document.createElement('canvas');
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext('2d')?.drawImage(video, 0, 0);
    const blob = await encoded(canvas, 'image/png');
    this.#takers.taken(new File([blob], 'camera.png', { type: blob.type }));
  }

  /** What is seen stands still, and is asked about no more, until it is let go. */
  #freeze(frozen: boolean): void {
    freeze.setAttribute('aria-pressed', String(frozen));
    if (frozen) video.pause();
    else void video.play().catch(this.#takers.failed);
  }

  /** Offers the cameras where there is a choice, and to turn round where they say how they face. */
  #offer(found: Seen[], current: MediaTrackSettings): void {
    cameras.replaceChildren(
      ...found.map(({ deviceId, label }, i) => new Option(label || `Camera ${i + 1}`, deviceId)),
    );
    if (current.deviceId) cameras.value = current.deviceId;
    cameras.hidden = found.length < 2;
    flip.hidden = found.length < 2 || !current.facingMode;
  }

  #offerLight(): void {
    const able = this.#track?.getCapabilities?.() as Lit | undefined;
    torch.hidden = !able?.torch;
    torch.setAttribute('aria-pressed', 'false');
  }

  async #light(): Promise<void> {
    const lit = torch.getAttribute('aria-pressed') !== 'true';
    try {
      await this.#track?.applyConstraints({
        advanced: [{ torch: lit } as MediaTrackConstraintSet],
      });
      torch.setAttribute('aria-pressed', String(lit));
    } catch (error) {
      this.#takers.failed(error);
    }
  }

  #showButtons(running: boolean): void {
    const focused = document.activeElement;
    document.body.classList.toggle('live', running);
    for (const other of others) other.hidden = running;
    stop.hidden = !running;
    if (!running) snap.hidden = freeze.hidden = flip.hidden = torch.hidden = cameras.hidden = true;
    // A hidden button loses the keyboard: hand it to the other one.
    if (running && focused === start) stop.focus();
    const own = [stop, snap, freeze, flip, torch, cameras] as Element[];
    if (!running && focused && own.includes(focused)) start.focus();
  }
}
