// What lies over the page for a while: an error, and how far a download is.

import type { Progress } from 'xception-web';
import { element, inMegabytes, megabytes, messageOf } from './dom.js';

const trouble = element('trouble');
const error = element('error');
const loading = element('loading');
const text = element('loading-text');
const bar = element<HTMLProgressElement>('loading-bar');

export function showError(failure: unknown): void {
  // Shown before it is filled: screen readers speak what changes in front of them.
  trouble.hidden = false;
  error.textContent = messageOf(failure);
}

export function clearError(): void {
  trouble.hidden = true;
  error.textContent = '';
}

/** The model and the program load side by side: the bar is the model's as long as it is coming. */
const parts = new Map<Progress['stage'], Progress>();

export function showProgress(progress: Progress, name: string): void {
  loading.hidden = false;
  parts.set(progress.stage, progress);
  const model = parts.get('model');
  const here = model?.total !== undefined && model.loaded >= model.total;
  const part = here ? parts.get('runtime') : model;
  const { loaded = 0, total } = part ?? {};
  const compiling = progress.stage === 'shaders' && here;
  if (progress.stage === 'start' || compiling || !total) {
    bar.removeAttribute('value');
  } else {
    bar.max = total;
    bar.value = loaded;
  }
  const size = total ? `${inMegabytes(loaded)} of ${megabytes(total)}` : megabytes(loaded);
  const what = part === model ? name : 'the program';
  if (compiling) {
    text.textContent = `Preparing the GPU: ${progress.loaded} of ${progress.total} programs`;
  } else {
    text.textContent = progress.stage === 'start' ? `Starting ${name}` : `Loading ${what}: ${size}`;
  }
}

export function clearProgress(): void {
  parts.clear();
  loading.hidden = true;
}
