// The table of a folder: as much of it as anybody reads, sorted.

import { element, percent } from './dom.js';

/** What was found in one picture. */
export interface Row {
  file: File;
  path: string;
  known: boolean;
  /** Best first. */
  best: { label: string; score: number }[];
  /** Why it could not be read. */
  trouble?: string;
}

type Column = 'path' | 'label' | 'score';

/** Rows that are shown, and that each press adds: thousands would make a page slow. */
const STEP = 100;

const frame = element('folder-frame');
const body = element('folder-rows');
const more = element<HTMLButtonElement>('folder-more');
const heads = [...frame.querySelectorAll('th')];

export class FolderTable {
  readonly #pick: (file: File) => void;
  /** The rows that are shown. */
  #drawn = new Map<Row, HTMLElement>();
  /** All of them, in the order that is asked for. */
  #rows: Row[] = [];
  #column: Column = 'path';
  #rising = true;
  #shown = STEP;

  constructor(pick: (file: File) => void) {
    this.#pick = pick;
    for (const head of heads) head.addEventListener('click', () => this.#sort(columnOf(head)));
    more.addEventListener('click', () => {
      this.#shown += STEP;
      this.draw();
      if (more.hidden) frame.focus();
    });
  }

  /** In the order that is asked for; what could not be read comes last. */
  get rows(): readonly Row[] {
    return this.#rows;
  }

  clear(): void {
    this.#rows = [];
    this.#shown = STEP;
    this.draw();
  }

  /** Puts it where it belongs: sorting thousands anew with each would hold the page up. */
  add(row: Row): void {
    let [low, high] = [0, this.#rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#order(this.#rows[middle]!, row) > 0) high = middle;
      else low = middle + 1;
    }
    this.#rows.splice(low, 0, row);
  }

  /** Shows what was added. */
  draw(): void {
    const rows = this.#rows;
    frame.hidden = rows.length === 0;
    for (const head of heads) {
      if (columnOf(head) !== this.#column) head.removeAttribute('aria-sort');
      else head.setAttribute('aria-sort', this.#rising ? 'ascending' : 'descending');
    }
    const wanted = new Map(
      rows.slice(0, this.#shown).map((row) => [row, this.#drawn.get(row) ?? this.#drawRow(row)]),
    );
    // Rows that stay are left where they are: one may be under a finger, or have the keyboard.
    const held = body.contains(document.activeElement);
    for (const [row, drawn] of this.#drawn) if (!wanted.has(row)) drawn.remove();
    this.#drawn = wanted;
    let next = body.firstElementChild;
    for (const drawn of wanted.values()) {
      if (drawn === next) next = next.nextElementSibling;
      else body.insertBefore(drawn, next);
    }
    if (held && !body.contains(document.activeElement)) frame.focus();
    const rest = rows.length - this.#shown;
    more.hidden = rest <= 0;
    more.textContent = `Show ${Math.min(STEP, rest)} more of ${rest}`;
  }

  #order(a: Row, b: Row): number {
    const sign = this.#rising ? 1 : -1;
    return unread(a) - unread(b) || sign * by[this.#column](a, b) || by.path(a, b);
  }

  #sort(column: Column): void {
    // What is surest first; names from A to Z.
    this.#rising = column === this.#column ? !this.#rising : column !== 'score';
    this.#column = column;
    this.#rows.sort((a, b) => this.#order(a, b));
    this.draw();
  }

  #drawRow({ file, path, known, best: [best], trouble }: Row): HTMLElement {
    const row = document.createElement('tr');
    const head = document.createElement('th');
    head.scope = 'row';
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = path;
    button.addEventListener('click', () => this.#pick(file));
    head.append(button);
    const label = document.createElement('td');
    label.textContent = trouble ? 'cannot be read' : (best?.label ?? '');
    if (trouble) label.title = trouble;
    if (!trouble && !known) label.textContent = `nothing I know (perhaps ${best?.label})`;
    const score = document.createElement('td');
    score.textContent = best ? percent(best.score) : '';
    row.append(head, label, score);
    return row;
  }
}

/** As people sort: 2 before 10. */
const order = new Intl.Collator(undefined, { numeric: true });

const by: Record<Column, (a: Row, b: Row) => number> = {
  path: (a, b) => order.compare(a.path, b.path),
  label: (a, b) => order.compare(a.best[0]?.label ?? '', b.best[0]?.label ?? ''),
  score: (a, b) => (a.best[0]?.score ?? 0) - (b.best[0]?.score ?? 0),
};

function unread({ trouble }: Row): number {
  return Number(trouble !== undefined);
}

function columnOf(head: HTMLElement): Column {
  return head.querySelector('button')!.value as Column;
}
