// The ways in: picker, drop, paste, samples. Says which file came, not what becomes of it.

import { element } from './view.js';

const LABELS_FILE = /\.json$/i;
const MODEL_FILE = /\.(safetensors|keras|h5|hdf5|pth|pt|ckpt|bin)$/i;
export const MODEL_ENDINGS = '.safetensors, .keras, .h5, .hdf5, .pth, .pt, .ckpt or .bin';

export interface Takers {
  /** At least one. */
  pictures: (files: File[]) => void;
  /** A model, its labels, or both. */
  model: (files: { model?: File; labels?: File }) => void;
  failed: (error: unknown) => void;
}

export function listen({ pictures, model, failed }: Takers): void {
  const load = (models: File[], labels: File[]) => {
    for (const [what, files] of Object.entries({ 'model files': models, 'label files': labels })) {
      if (files.length < 2) continue;
      const names = files.map(({ name }) => name).join(', ');
      failed(new Error(`${files.length} ${what} came at once (${names}). Give one of them.`));
      return;
    }
    if (models[0] || labels[0]) model({ model: models[0], labels: labels[0] });
  };
  const take = (files: File[]) => {
    const labels = files.filter(({ name }) => LABELS_FILE.test(name));
    const models = files.filter(({ name }) => MODEL_FILE.test(name));
    const rest = files.filter((file) => !labels.includes(file) && !models.includes(file));
    if (rest.length > 0) pictures(rest);
    load(models, labels);
  };
  const takeModel = (files: File[]) => {
    const labels = files.filter(({ name }) => LABELS_FILE.test(name));
    // Whatever was chosen as a model is tried as one: its name need not say so.
    const models = files.filter((file) => !labels.includes(file));
    load(models, labels);
  };

  const pick = (id: string, taker: (files: File[]) => void) => {
    const input = element<HTMLInputElement>(id);
    input.addEventListener('change', () => {
      taker([...(input.files ?? [])]);
      input.value = ''; // So that the same file can be chosen again.
    });
  };
  pick('file-input', take);
  pick('model-input', takeModel);

  const zone = element('drop-zone');
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    zone.classList.add('over');
  });
  document.addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) zone.classList.remove('over');
  });
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    zone.classList.remove('over');
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length > 0) take(files);
    else failed(new Error('What was dropped is no file. Save the picture first, then drop it.'));
  });

  document.addEventListener('paste', (event) => {
    take([...(event.clipboardData?.files ?? [])]);
  });

  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-sample]')) {
    const address = button.dataset.sample!;
    button.addEventListener(
      'click',
      () => void sample(address).then((file) => pictures([file]), failed),
    );
  }
}

async function sample(address: string): Promise<File> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`The sample could not be loaded (${response.status}).`);
  const blob = await response.blob();
  return new File([blob], address.split('/').at(-1)!, { type: blob.type });
}
