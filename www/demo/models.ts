// The list of models: what each costs before it is asked for, and what this device keeps.

import { models, type CachedModel, type RegistryModel } from 'xception-web';
import { element, megabytes } from './dom.js';

const list = element('models');
const cost = element('model-cost');
const page = element<HTMLAnchorElement>('model-page');
const stored = element('stored');
const storedList = element('stored-list');
const offerList = element('offer-list');

/** Of right answers: a download that is larger must be better by this much to be offered. */
const WORTH = 0.01;

interface Takers {
  /** Without an id, the bundled model. */
  use: (id: string | undefined) => void;
  failed: (error: unknown) => void;
}

export class Picker {
  readonly #failed: Takers['failed'];
  #known: RegistryModel[] = [];
  #kept: CachedModel[] = [];
  #current: string | undefined;
  /** Why there is no list, if there is none. */
  #trouble: unknown;
  readonly #use: Takers['use'];
  readonly #filled: Promise<void>;

  constructor({ use, failed }: Takers) {
    this.#failed = failed;
    this.#use = (id) => use(id === this.#known[0]?.id ? undefined : id);
    list.addEventListener('change', () => this.#showCost());
    element('model-form').addEventListener('submit', (event) => {
      event.preventDefault();
      const model = this.#chosen();
      if (model) this.#use(model.id);
    });
    offerList.addEventListener('click', ({ target }) => {
      const button = (target as Element).closest('button');
      if (button) this.#use(button.value);
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

  /** What is loaded at once for an id in the address: a model that comes with the page, by default the first. */
  async bundled(id: string): Promise<string | undefined> {
    await this.#filled;
    const [first, ...others] = this.#known.filter(comesAlong);
    return others.find((model) => model.id === id && model !== first)?.id;
  }

  /** Marks what runs; a file of one's own is not in the list. */
  choose(model: File | string | undefined): void {
    this.#current = model instanceof File ? '' : (model ?? this.#known[0]?.id);
    for (const radio of list.querySelectorAll('input')) {
      radio.checked = radio.value === this.#current;
    }
    this.#showCost();
    this.#showOffers();
  }

  /** Chooses a model without using it, and puts the keyboard on the button that would. */
  async suggest(id: string): Promise<void> {
    await this.#filled;
    if (this.#trouble) return this.#failed(this.#trouble);
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
    this.#showOffers();
  }

  async #fill(): Promise<void> {
    try {
      this.#known = await models.list();
    } catch (error) {
      this.#trouble = error;
      this.#failed(error);
    }
    list.replaceChildren(...this.#known.map(row));
    this.choose(this.#current);
    await this.showStored();
  }

  #chosen(): RegistryModel | undefined {
    const radio = list.querySelector<HTMLInputElement>('input:checked');
    return this.#known.find(({ id }) => id === radio?.value);
  }

  #showCost(): void {
    const model = this.#chosen();
    page.hidden = !model?.page;
    if (model?.page) page.href = model.page;
    const kept = model && !comesAlong(model) && !this.#isKept(model);
    const then = kept ? ', then is stored on this device' : '';
    const hint = model?.hint ? ` ${model.hint}` : '';
    cost.textContent = model ? `${this.#costOf(model)}${then}.${hint}` : '';
  }

  /** What using a model will ask of the network, before it is asked. */
  #costOf(model: RegistryModel): string {
    if (comesAlong(model)) return 'Comes with this page';
    if (this.#isKept(model)) return 'Stored on this device: not downloaded again';
    return `Downloads ${megabytes(model.bytes)} from ${new URL(model.url).host}`;
  }

  #isKept(model: RegistryModel): boolean {
    return this.#kept.some(({ url }) => url === model.url);
  }

  /** What to ask where the model that runs knows nothing; one press loads it. */
  #showOffers(): void {
    // Rebuilt only when they change: the keyboard may be on one of them.
    const offers = worthwhile(this.#known, this.#current).map((model) => this.#offer(model));
    const same = offers.every((offer, i) => offerList.children[i]?.isEqualNode(offer));
    if (!same || offers.length !== offerList.childElementCount) {
      const held = offerList.contains(document.activeElement);
      offerList.replaceChildren(...offers);
      if (held) element('answer').focus();
    }
  }

  #offer(model: RegistryModel): HTMLElement {
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.value = model.id;
    const right = model.accuracy && `${(100 * model.accuracy.top1).toFixed(1)} % right`;
    const knows = [`${model.classes} things`, right].filter(Boolean).join(' · ');
    const lines = [knows, this.#costOf(model)];
    const title = document.createElement('strong');
    title.textContent = model.title;
    button.append(title, ...lines.map(quiet));
    item.append(button);
    return item;
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

/** Whether its file lies beside the page. */
function comesAlong({ url }: RegistryModel): boolean {
  return new URL(url).origin === location.origin;
}

/**
 * The models to ask instead of the one that runs: of those to download, each that is better than all
 * smaller ones; those that come along before them, or behind where they know less than what runs.
 */
function worthwhile(known: RegistryModel[], running: string | undefined): RegistryModel[] {
  const others = known.filter(({ id }) => id !== running);
  const knows = known.find(({ id }) => id === running)?.classes ?? 0;
  const free = others.filter(comesAlong);
  let best = 0;
  const large = others
    .filter((model) => !comesAlong(model))
    .sort((a, b) => a.bytes - b.bytes)
    .filter(({ accuracy }) => {
      // Of one whose accuracy nobody has published, nothing is promised.
      const top1 = accuracy?.top1 ?? 0;
      const better = top1 >= best + WORTH;
      if (better) best = top1;
      return better;
    });
  return [
    ...free.filter(({ classes }) => classes > knows),
    ...large,
    ...free.filter(({ classes }) => classes <= knows),
  ];
}

function rightness({ accuracy }: RegistryModel): string {
  if (!accuracy) return 'accuracy not published';
  return `${(100 * accuracy.top1).toFixed(1)} % right on ${accuracy.on}`;
}

function quiet(text: string): HTMLElement {
  const line = document.createElement('span');
  line.className = 'quiet';
  line.textContent = text;
  return line;
}

function row(model: RegistryModel): HTMLElement {
  const label = document.createElement('label');
  const radio = document.createElement('input');
  radio.type = 'radio';
  radio.name = 'model';
  radio.value = model.id;
  const title = document.createElement('strong');
  title.textContent = model.title;
  const facts = [
    rightness(model),
    `${model.classes} classes`,
    megabytes(model.bytes),
    model.licence,
  ];
  label.append(radio, title, quiet(facts.join(' · ')));
  return label;
}
