// What there is to know of the model that runs, and of how it ran.

import type { Classification, ClassifierInfo } from 'xception-web';
import { element, milliseconds } from './dom.js';
import { announce } from './speech.js';

export function showTimings({ timings }: Classification): void {
  element('latency').textContent = milliseconds(timings.total);
  element('split').textContent =
    `Decoding ${milliseconds(timings.decode)}, ` +
    `resizing ${milliseconds(timings.preprocess)}, ` +
    `network ${milliseconds(timings.inference)}.`;
}

/** The backend, and the reason for it, can change with any answer. */
export function showEngine({ backend, reason, runtime, threads }: ClassifierInfo): void {
  const threaded = threads === 1 ? '1 thread' : `${threads} threads`;
  element('runtime').textContent =
    backend === 'webgpu' ? runtime : `${threaded}, ${runtime.replace('+threads', '')}`;
  element('backend').textContent = backend;
  const shown = element('reason');
  // It changes with a load, which has its own words, or when the GPU is given up.
  if (shown.textContent && shown.textContent !== reason) announce(reason);
  shown.textContent = reason;
}

/** `id` is the registry's, where the model is one of its; `isDefault`, whether there is one to go back to. */
export function showModel(
  { model, origin }: ClassifierInfo,
  { name, id, isDefault }: { name: string | undefined; id: string | undefined; isDefault: boolean },
): void {
  showTexts(id);
  element('model-reset').hidden = isDefault;
  element('origin').textContent = origin.note;
  const facts = [
    name ?? model.title,
    model.architecture,
    `${model.classes} classes`,
    `${(model.parameters / 1e6).toFixed(2)} million parameters`,
    `${model.inputSize} × ${model.inputSize} pixels`,
    model.licence,
  ];
  element('card').textContent = facts.filter(Boolean).join(' · ');
}

/** What is on the page for some models alone; samples of the default where a model has none. */
function showTexts(id: string | undefined): void {
  const own = document.querySelectorAll<HTMLElement>('[data-model]');
  const named = [...own].find(({ dataset }) => dataset.model === id)?.dataset.model;
  const about = element('about');
  for (const part of own) {
    const { model } = part.dataset;
    part.hidden = model !== (about.contains(part) ? named : (named ?? own[0]!.dataset.model));
  }
  about.hidden = !named;
}
