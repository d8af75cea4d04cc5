// The list of models: what each costs before it is asked for, and what this device keeps.

import { models, type CachedModel, type RegistryModel } from 'xception-web';
import { element, megabytes } from './view.js';

const list = element('models');
const cost = element('model-cost');
const page = element<HTMLAnchorElement>('model-page');
const stored = element('stored');
const storedList = element('stored-list');

export interface PickerTakers {
  /** Without an id, the bundled model. */
  use: (id: string | undefined) => void;
  failed: (error: unknown) => void;
}

export class Picker {
  readonly #failed: PickerTakers['failed'];
  #known: RegistryModel[] = [];
  #kept: CachedModel[] = [];
  #current: string | undefined;
  readonly #filled: Promise<void>;

  constructor({ use, failed }: PickerTakers) {
    this.#failed = failed;
    list.addEventListener('change', () => this.#showCost());
    element('model-form').addEventListener('submit', (event) => {
      event.preventDefault();
      const model = this.#chosen();
      if (model) use(model === this.#known[0] ? undefined : model.id);
    });
    element('stored-clear').addEventListener('click', () => void this.#remove());
    this.#filled = this.#fill();
  }

  titleOf(id: string | undefined): string | undefined {
    return id && (this.#known.find((model) => model.id === id)?.title ?? id);
  }

  bytesOf(id: string | undefined): number | undefined {
    return (id ? this.#known.find((model) => model.id === id) : this.#known[0])?.bytes;
  }

  /** Marks what runs; a file of one's own is not in the list. */
  choose(model: File | string | undefined): void {
    this.#current = model instanceof File ? '' : (model ?? this.#known[0]?.id);
    for (const radio of list.querySelectorAll('input')) {
      radio.checked = radio.value === this.#current;
    }
    this.#showCost();
  }

  /** Chooses a model without using it, and puts the keyboard on the button that would. */
  async suggest(id: string): Promise<void> {
    await this.#filled;
    const radios = [...list.querySelectorAll('input')];
    const radio = radios.find(({ value }) => value === id);
    if (!radio) {
      const ids = radios.map(({ value }) => value).join(', ');
      this.#failed(new Error(`There is no model called "${id}". Choose one of ${ids}.`));
      return;
    }
    if (radio.checked) return;
    radio.checked = true;
    this.#showCost();
    radio.scrollIntoView({ block: 'nearest' });
    element('model-use').focus();
  }

  focus(): void {
    const radio = list.querySelector<HTMLInputElement>('input:checked');
    (radio ?? list.querySelector<HTMLInputElement>('input'))?.focus();
  }

  async showStored(): Promise<void> {
    this.#kept = await models.cached().catch(() => []);
    stored.hidden = this.#kept.length === 0;
    storedList.replaceChildren(...this.#kept.map((kept) => this.#storedRow(kept)));
    this.#showCost();
  }

  async #fill(): Promise<void> {
    try {
      this.#known = await models.list();
    } catch (error) {
      this.#failed(error);
    }
    list.replaceChildren(...this.#known.map(row));
    if (this.#current === undefined) this.choose(undefined);
    else this.choose(this.#current);
    await this.showStored();
  }

  #chosen(): RegistryModel | undefined {
    const radio = list.querySelector<HTMLInputElement>('input:checked');
    return this.#known.find(({ id }) => id === radio?.value);
  }

  /** Says what using the chosen model will ask of the network, before it is asked. */
  #showCost(): void {
    const model = this.#chosen();
    page.hidden = !model?.page;
    if (model?.page) page.href = model.page;
    cost.textContent = !model
      ? ''
      : model === this.#known[0]
        ? 'Comes with this page.'
        : this.#kept.some(({ url }) => url === model.url)
          ? 'Stored on this device: not downloaded again.'
          : `Downloads ${megabytes(model.bytes)} from ${new URL(model.url).host}, then is stored on this device.`;
  }

  #storedRow({ url, bytes }: CachedModel): HTMLElement {
    const title = this.#known.find((model) => model.url === url)?.title ?? url;
    const item = document.createElement('li');
    const remove = document.createElement('button');
    remove.type = 'button';
    remove.className = 'button';
    remove.textContent = 'Remove';
    remove.setAttribute('aria-label', `Remove ${title}`);
    remove.addEventListener('click', () => void this.#remove(url));
    item.append(`${title} · ${megabytes(bytes)}`, remove);
    return item;
  }

  async #remove(url?: string): Promise<void> {
    await models.clear(url).catch(this.#failed);
    await this.showStored();
    // The button that was pressed may be gone: the keyboard goes on from the list.
    if (document.activeElement === document.body) this.focus();
  }
}

function row(model: RegistryModel): HTMLElement {
  const label = document.createElement('label');
  const radio = document.createElement('input');
  radio.type = 'radio';
  radio.name = 'model';
  radio.value = model.id;
  const title = document.createElement('strong');
  title.textContent = model.title;
  const facts = document.createElement('span');
  facts.className = 'quiet';
  const { top1, on } = model.accuracy;
  facts.textContent = [
    `${(100 * top1).toFixed(1)} % right on ${on}`,
    `${model.classes} classes`,
    megabytes(model.bytes),
    model.licence,
  ].join(' · ');
  label.append(radio, title, facts);
  return label;
}
