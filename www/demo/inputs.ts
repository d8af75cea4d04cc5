// The ways in: picker, drop, paste, samples. Says which file came, not what becomes of it.

import { element } from './view.js';

const MODEL_FILE = /\.(safetensors|h5|hdf5|keras)$/i;

export interface Takers {
  picture: (file: File) => void;
  model: (file: File) => void;
  failed: (error: unknown) => void;
}

export function listen({ picture, model, failed }: Takers): void {
  const take = (file: File) => (MODEL_FILE.test(file.name) ? model(file) : picture(file));

  const pick = (id: string, taker: (file: File) => void) => {
    const input = element<HTMLInputElement>(id);
    input.addEventListener('change', () => {
      const file = input.files?.[0];
      if (file) taker(file);
      input.value = ''; // So that the same file can be chosen again.
    });
  };
  pick('file-input', take);
  pick('model-input', model);

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
    const file = event.dataTransfer?.files[0];
    if (file) take(file);
    else failed(new Error('What was dropped is no file. Save the picture first, then drop it.'));
  });

  document.addEventListener('paste', (event) => {
    const file = event.clipboardData?.files[0];
    if (file) take(file);
  });

  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-sample]')) {
    const address = button.dataset.sample!;
    button.addEventListener('click', () => void sample(address).then(picture, failed));
  }
}

async function sample(address: string): Promise<File> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`The sample could not be loaded (${response.status}).`);
  const blob = await response.blob();
  return new File([blob], address.split('/').at(-1)!, { type: blob.type });
}
