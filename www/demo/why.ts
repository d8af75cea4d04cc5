// Why?: which parts of the picture speak for a label, as light on it, and in words.

import { overlay, type Classification, type Explanation } from 'xception-web';
import { element } from './dom.js';
import { heatOf, inWords } from './heat.js';
import { announce } from './speech.js';

const button = element<HTMLButtonElement>('why');
const panel = element('why-panel');
const choices = element('why-labels');
const words = element('why-words');
const canvas = element<HTMLCanvasElement>('why-map');
const preview = element<HTMLImageElement>('preview');

/** The long side of what is drawn: the map itself has few places, and is smooth between them. */
const SIDE = 160;
interface Takers {
  /** The map of the picture that is shown. */
  explain: (index: number, signal: AbortSignal) => Promise<Explanation>;
  failed: (error: unknown) => void;
}

export class Why {
  readonly #takers: Takers;
  #asking = new AbortController();
  #answer: Classification | undefined;

  constructor(takers: Takers) {
    this.#takers = takers;
    button.addEventListener('click', () => {
      const on = panel.hidden !== false;
      this.#show(on);
      if (on) this.#begin();
    });
    choices.addEventListener('change', ({ target }) => {
      void this.#ask(Number((target as HTMLInputElement).value));
    });
    // The picture is laid out anew with the window.
    new ResizeObserver(place).observe(element('drop-zone'));
    preview.addEventListener('load', place);
  }

  /** An answer to a picture is shown; if one was explained before it, so is it. */
  offer(answer: Classification): void {
    this.#answer = answer;
    button.hidden = answer.predictions.length === 0;
    if (!panel.hidden) this.#begin();
  }

  /** Another picture is shown, and not answered yet. */
  wait(): void {
    this.#asking.abort();
    canvas.hidden = true;
    words.textContent = '';
  }

  /** There is nothing to explain: no picture, a model that cannot, or a camera, whose picture is gone by then. */
  clear(): void {
    this.#asking.abort();
    this.#answer = undefined;
    button.hidden = true;
    this.#show(false);
  }

  #show(on: boolean): void {
    panel.hidden = !on;
    button.setAttribute('aria-expanded', String(on));
    if (on) return;
    this.#asking.abort();
    canvas.hidden = true;
  }

  #begin(): void {
    canvas.hidden = true;
    const shown = [...element('predictions').children] as HTMLElement[];
    const worth = this.#answer?.predictions.filter((_, at) => !shown[at]?.hidden) ?? [];
    choices.replaceChildren(...worth.map(({ index, label }, at) => choice(index, label, at === 0)));
    if (worth[0]) void this.#ask(worth[0].index);
  }

  async #ask(index: number): Promise<void> {
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    try {
      const map = await this.#takers.explain(index, signal);
      if (!signal.aborted) await draw(map, signal);
      if (signal.aborted) return;
      words.textContent = `${map.label}: ${inWords(map, heatOf(map))}`;
      announce(words.textContent);
    } catch (error) {
      if (signal.aborted) return;
      this.#show(false);
      this.#takers.failed(error);
    }
  }
}

function choice(index: number, label: string, checked: boolean): HTMLElement {
  const item = document.createElement('label');
  const radio = document.createElement('input');
  radio.type = 'radio';
  radio.name = 'why';
  radio.value = String(index);
  radio.checked = checked;
  item.append(radio, label);
  return item;
}

/** Lit where the picture speaks for the label, dark elsewhere and where the network saw nothing. */
async function draw(map: Explanation, signal: AbortSignal): Promise<void> {
  const { naturalWidth, naturalHeight } = preview;
  const scale = SIDE / Math.max(naturalWidth, naturalHeight, 1);
  const width = Math.max(1, Math.round(naturalWidth * scale));
  const height = Math.max(1, Math.round(naturalHeight * scale));
  const light = await overlay(map, { width, height });
  if (signal.aborted) return;
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext('2d')?.putImageData(light, 0, 0);
  canvas.hidden = false;
  place();
}

/** Onto the picture, which is as large as its place allows and in the middle of it. */
function place(): void {
  const { naturalWidth, naturalHeight, clientWidth, clientHeight } = preview;
  const scale = Math.min(clientWidth / naturalWidth, clientHeight / naturalHeight);
  canvas.style.width = `${naturalWidth * scale}px`;
  canvas.style.height = `${naturalHeight * scale}px`;
}
