// What was looked at: thumbnails and answers, to search, copy and download. Gone with the window
// unless somebody wants it kept. Loaded with the first answer.

import type { Classification } from 'xception-web';
import { element, percent } from './dom.js';
import { copy, csv, download } from './export.js';
import { put, read, remove, want, wanted, type Entry } from './kept.js';
import { encoded, shown } from './pictures.js';
import { styled } from './styles.js';
import { finder } from './words.js';

/** More than anybody scrolls through; a few kilobytes each. */
const MOST = 500;
/** Pixels: twice what is shown, for fine screens. */
const SIDE = 112;

const room = element<HTMLDetailsElement>('history');
const none = element('history-none');
const some = element('history-some');
const search = element<HTMLInputElement>('history-search');
const count = element('history-count');
const list = element('history-list');
const keep = element<HTMLInputElement>('history-keep');

/** Newest first. */
let entries: Entry[] = [];
let added = 0;
/** Of each picture the newest, which may not be listed yet. */
const newest = new WeakMap<File, Entry>();
const rows = new Map<string, HTMLElement>();
let failed: (error: unknown) => void;

/** Once: what is on this device from before is there at once. */
export async function begin(taker: { failed: (error: unknown) => void }): Promise<void> {
  failed = taker.failed;
  await styled('room-style.css');
  keep.checked = await wanted().catch((error: unknown) => (failed(error), false));
  if (keep.checked) {
    // What cannot be read any more is no reason to list nothing.
    const kept = await read().catch((error: unknown) => (failed(error), []));
    entries = kept.sort((a, b) => b.time.localeCompare(a.time));
  }
  search.addEventListener('input', show);
  room.addEventListener('toggle', show);
  show();
  keep.addEventListener('change', () => void decide());
  const listen = (id: string, act: () => unknown) =>
    element(id).addEventListener('click', () => void Promise.resolve(act()).catch(failed));
  element('history-copy').hidden = !navigator.clipboard; // None on plain http://.
  listen('history-copy', () => copy(found().map(line).join('\n')));
  listen('history-csv', () => download('pictures.csv', table(found())));
  listen('history-json', () => download('pictures.json', json(found())));
  listen('history-clear', clear);
}

/** An answer to a picture; another answer to the same picture takes its place. */
export async function add(file: File, { known, predictions }: Classification, model: string) {
  const old = newest.get(file);
  const entry: Entry = {
    id: old?.id ?? `${Date.now()} ${++added} ${file.name}`,
    time: new Date().toISOString(),
    name: file.name,
    model,
    known,
    predictions: predictions.map(({ label, score }) => ({ label, score })),
    thumbnail: old?.thumbnail,
  };
  newest.set(file, entry);
  entry.thumbnail ??= await thumbnail(file);
  // Another answer may have come while the thumbnail was drawn.
  if (newest.get(file) !== entry) return;
  drop(entry); // The row that is there is of its last answer.
  entries = [entry, ...entries.filter(({ id }) => id !== entry.id)];
  const gone = entries.splice(MOST);
  gone.forEach(drop);
  show();
  if (!keep.checked) return;
  await put([entry]).catch(failed);
  if (gone.length > 0) await remove(gone.map(({ id }) => id)).catch(failed);
}

/** Keeps all of it from now on, or nothing any more. */
async function decide(): Promise<void> {
  const is = keep.checked;
  try {
    await want(is, entries);
  } catch (error) {
    failed(error);
    keep.checked = !is;
  }
}

async function clear(): Promise<void> {
  if (!confirm(`Remove all ${entries.length} pictures from this list?`)) return;
  const gone = entries;
  entries = [];
  gone.forEach(drop);
  search.value = '';
  show();
  // The button is gone: the keyboard goes on from the summary.
  room.querySelector('summary')?.focus();
  if (keep.checked) await remove(gone.map(({ id }) => id));
}

function show(): void {
  if (!room.open) return;
  none.hidden = entries.length > 0;
  some.hidden = entries.length === 0;
  const hits = found();
  list.replaceChildren(...hits.map(rowOf));
  list.hidden = hits.length === 0;
  const all = entries.length === 1 ? '1 picture' : `${entries.length} pictures`;
  count.textContent = hits.length === entries.length ? all : `${hits.length} of ${all}`;
}

/** Those that hold every word that is searched for, in their name or their labels. */
function found(): Entry[] {
  const fits = finder(search.value);
  return entries.filter(({ name, known, predictions }) =>
    fits(`${name} ${known ? predictions[0]?.label : 'nothing I know'}`),
  );
}

function rowOf(entry: Entry): HTMLElement {
  const kept = rows.get(entry.id);
  if (kept) return kept;
  const item = document.createElement('li');
  const image = new Image();
  image.alt = '';
  image.loading = 'lazy';
  if (entry.thumbnail) image.src = URL.createObjectURL(entry.thumbnail);
  const answer = document.createElement('strong');
  answer.textContent = said(entry);
  const facts = document.createElement('span');
  facts.className = 'quiet';
  facts.textContent = `${entry.name} · ${new Date(entry.time).toLocaleString()}`;
  item.append(image, answer, facts);
  rows.set(entry.id, item);
  return item;
}

function drop({ id }: Entry): void {
  const image = rows.get(id)?.querySelector('img');
  if (image?.src) URL.revokeObjectURL(image.src);
  rows.delete(id);
}

function said({ known, predictions: [best] }: Entry): string {
  if (!known) return 'Nothing I know';
  return best ? `${best.label}, ${percent(best.score)}` : '';
}

function line(entry: Entry): string {
  return [entry.time, entry.name, said(entry)].join('\t');
}

function table(entries: Entry[]): Blob {
  const head = ['time', 'name', 'model', 'known', 'label', 'score'];
  const rows = entries.map(({ time, name, model, known, predictions: [best] }) => {
    return [time, name, model, String(known), best?.label ?? '', best?.score ?? ''];
  });
  return new Blob([csv([head, ...rows])], { type: 'text/csv' });
}

function json(entries: Entry[]): Blob {
  const rows = entries.map(({ id: _, thumbnail: __, ...entry }) => entry);
  return new Blob([JSON.stringify(rows, null, 1)], { type: 'application/json' });
}

async function thumbnail(file: File): Promise<Blob | undefined> {
  const image = new Image();
  image.src = URL.createObjectURL(shown(file));
  try {
    await image.decode();
    const scale = SIDE / Math.min(image.naturalWidth, image.naturalHeight);
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = SIDE;
    const context = canvas.getContext('2d')!;
    context.fillStyle = '#fff'; // Under what is transparent.
    context.fillRect(0, 0, SIDE, SIDE);
    const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
    context.drawImage(image, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
    return await encoded(canvas, 'image/jpeg', 0.8);
  } catch {
    return undefined; // The list is worth having without.
  } finally {
    URL.revokeObjectURL(image.src);
  }
}
