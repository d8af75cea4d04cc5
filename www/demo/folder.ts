// A folder of pictures, thousands if need be: named one after the other, in a table to sort and take
// away. Holds files and labels, no pixels. Loaded when a folder comes, or its room is opened.

import type { Classification } from 'xception-web';
import { element, messageOf } from './dom.js';
import { csv, download } from './export.js';
import { isPicture } from './pictures.js';
import { announce } from './speech.js';
import { styled } from './styles.js';
import { FolderTable, type Row } from './table.js';

const status = element('folder-status');
const bar = element<HTMLProgressElement>('folder-bar');
const pause = element<HTMLButtonElement>('folder-pause');
const cancel = element<HTMLButtonElement>('folder-cancel');
const exports = ['folder-csv', 'folder-json'].map((id) => element(id));

/** At once: while the network is at one, the next is decoded. */
const LANES = 2;
/** Of each picture, in what is taken away. */
const LABELS = 3;
/** Milliseconds between two changes of what is shown. */
const BREATH = 250;
/** Shares of the folder after which it is said aloud how far it is. */
const SPOKEN = 0.25;

interface Takers {
  classify: (file: File, signal: AbortSignal) => Promise<Classification>;
  /** What runs, as it stands in what is taken away. */
  model: () => string;
  /** Somebody wants to look at this picture. */
  pick: (file: File) => void;
}

let takers: Takers;
let running: AbortController | undefined;
let model = '';
/** Wakes the lanes; there is one while it is paused. */
let wake: (() => void) | undefined;
let waiting: Promise<void> | undefined;
const table = new FolderTable((file) => takers.pick(file));

export async function begin(given: Takers): Promise<void> {
  takers = given;
  await styled('room-style.css');
  pause.addEventListener('click', () => (waiting ? resume() : hold()));
  cancel.addEventListener('click', () => stop('Cancelled'));
  exports[0]!.addEventListener('click', () => download('folder.csv', asTable()));
  exports[1]!.addEventListener('click', () => download('folder.json', asJson()));
}

/** Names the pictures among these files. */
export async function take(files: File[]): Promise<void> {
  stop();
  element<HTMLDetailsElement>('folder').open = true;
  const pictures = files.filter(isPicture);
  table.clear();
  const own = (running = new AbortController());
  const left = files.length - pictures.length;
  const others = left > 0 ? ` ${left} ${left === 1 ? 'file is' : 'files are'} no picture.` : '';
  if (pictures.length === 0) return end(`There is no picture in it.${others}`);
  bar.max = pictures.length;
  showButtons();
  let next = 0;
  let told = 0;
  let drawn = -BREATH;
  const progress = () => {
    const share = (bar.value = table.rows.length) / pictures.length;
    if (share >= told + SPOKEN && share < 1) {
      told = share;
      announce(`${table.rows.length} of ${pictures.length} pictures named.`);
    }
    // What is under way when it is paused comes to its end.
    if (!waiting && performance.now() - drawn < BREATH) return;
    drawn = performance.now();
    showCount();
    table.draw();
  };
  progress();
  const lane = async () => {
    for (let file = pictures[next++]; file; file = pictures[next++]) {
      await waiting;
      if (own.signal.aborted) return;
      const row = await named(file, own.signal);
      if (own.signal.aborted || !row) return;
      table.add(row);
      progress();
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  if (own.signal.aborted) return;
  const failed = table.rows.filter(({ trouble }) => trouble).length;
  const unread = failed > 0 ? ` ${failed} could not be read.` : '';
  end(`${table.rows.length} of ${pictures.length} pictures named.${unread}${others}`);
}

/** Another model, or somebody’s wish: what was named by then stays. */
export function stop(why = 'Stopped'): void {
  if (!running) return;
  running.abort();
  end(`${why} after ${table.rows.length} pictures.`);
}

function end(text: string): void {
  running = undefined;
  model = takers.model(); // It may have come after the pictures.
  resume();
  status.textContent = text;
  announce(text);
  const held = [pause, cancel].some((button) => button === document.activeElement);
  showButtons();
  table.draw();
  if (held) element('folder-input').focus();
}

function hold(): void {
  waiting = new Promise((resolve) => (wake = resolve));
  pause.textContent = 'Go on';
  announce(showCount());
}

function resume(): void {
  waiting = undefined;
  wake?.();
  pause.textContent = 'Pause';
  showCount();
}

function showCount(): string {
  return (status.textContent = `${waiting ? 'Paused at ' : ''}${table.rows.length} of ${bar.max}.`);
}

function showButtons(): void {
  for (const part of [pause, cancel, bar]) part.hidden = !running;
  for (const button of exports) button.hidden = running !== undefined || table.rows.length === 0;
}

/** Labels are few and pictures many: each label is kept once. */
const labels = new Map<string, string>();

async function named(file: File, signal: AbortSignal): Promise<Row | undefined> {
  const path = file.webkitRelativePath || file.name;
  try {
    const { predictions, known } = await takers.classify(file, signal);
    const best = predictions.slice(0, LABELS).map(({ label, score }) => {
      if (!labels.has(label)) labels.set(label, label);
      return { label: labels.get(label)!, score };
    });
    return { file, path, known, best };
  } catch (error) {
    if (signal.aborted) return undefined;
    return { file, path, known: false, best: [], trouble: messageOf(error) };
  }
}

function asTable(): Blob {
  const numbers = Array.from({ length: LABELS }, (_, i) => i + 1);
  const head = ['path', 'known', ...numbers.flatMap((n) => [`label ${n}`, `score ${n}`]), 'error'];
  const body = table.rows.map(({ path, known, best, trouble = '' }) => [
    path,
    trouble ? '' : String(known),
    ...numbers.flatMap((n) => [best[n - 1]?.label ?? '', best[n - 1]?.score ?? '']),
    trouble,
  ]);
  return new Blob([csv([head, ...body])], { type: 'text/csv' });
}

function asJson(): Blob {
  const pictures = table.rows.map(({ path, known, best, trouble }) => {
    return trouble ? { path, error: trouble } : { path, known, predictions: best };
  });
  return new Blob([JSON.stringify({ model, pictures }, null, 1)], { type: 'application/json' });
}

/** All files of folders that were dropped, with their paths. */
export async function filesIn(entries: FileSystemEntry[]): Promise<File[]> {
  const files: File[] = [];
  for (const entry of entries) {
    if (entry.isFile) {
      const file = await new Promise<File>((resolve, reject) =>
        (entry as FileSystemFileEntry).file(resolve, reject),
      );
      // As a folder that is chosen has it.
      Object.defineProperty(file, 'webkitRelativePath', { value: entry.fullPath.slice(1) });
      files.push(file);
      continue;
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    const some = () =>
      new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    // A hundred at a time, until there are none.
    for (let part = await some(); part.length > 0; part = await some()) {
      files.push(...(await filesIn(part)));
    }
  }
  return files;
}
