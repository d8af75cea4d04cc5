// The ways in: picker, drop, paste, samples. Says which file came, not what becomes of it.

import { packFiles } from 'xception-web';
import { element } from './dom.js';

const LABELS_FILE = /\.json$/i;
const MODEL_FILE = /\.(safetensors|keras|h5|hdf5|pth|pt|ckpt|bin)$/i;
export const MODEL_ENDINGS =
  '.safetensors, .keras, .h5, .hdf5, .pth, .pt, .ckpt or .bin, or are a model.json with its shards';

interface Takers {
  /** At least one. */
  pictures: (files: File[]) => void;
  /** A picture that is still to be fetched: a sample, or one of another site. */
  address: (address: string) => void;
  /** Folders were dropped, files beside them perhaps. */
  folders: (entries: FileSystemEntry[]) => void;
  /** A model, its labels, or both. */
  model: (files: { model?: File; labels?: File }) => void;
  failed: (error: unknown) => void;
}

export function listen({ pictures, address, folders, model, failed }: Takers): void {
  const load = (models: File[], labels: File[]) => {
    for (const [what, files] of Object.entries({ 'model files': models, 'label files': labels })) {
      if (files.length < 2) continue;
      const names = files.map(({ name }) => name).join(', ');
      failed(new Error(`${files.length} ${what} came at once (${names}). Give one of them.`));
      return;
    }
    if (models[0] || labels[0]) model({ model: models[0], labels: labels[0] });
  };
  const take = async (all: File[]) => {
    const files = await packed(all);
    const labels = files.filter(({ name }) => LABELS_FILE.test(name));
    const models = files.filter(({ name }) => MODEL_FILE.test(name));
    const rest = files.filter((file) => !labels.includes(file) && !models.includes(file));
    if (rest.length > 0) pictures(rest);
    load(models, labels);
  };
  const takeModel = async (all: File[]) => {
    const files = await packed(all);
    const labels = files.filter(({ name }) => LABELS_FILE.test(name));
    // Whatever was chosen as a model is tried as one: its name need not say so.
    const models = files.filter((file) => !labels.includes(file));
    load(models, labels);
  };

  const pick = (id: string, taker: (files: File[]) => Promise<void>) => {
    const input = element<HTMLInputElement>(id);
    input.addEventListener('change', () => {
      taker([...(input.files ?? [])]).catch(failed);
      input.value = ''; // So that the same file can be chosen again.
    });
  };
  pick('file-input', take);
  pick('model-input', takeModel);

  element('invite').addEventListener('click', () => element('file-input').click());
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
    const entries = [...(event.dataTransfer?.items ?? [])]
      .map((item) => item.webkitGetAsEntry())
      .filter((entry) => entry !== null);
    if (entries.some(({ isDirectory }) => isDirectory)) return folders(entries);
    const files = [...(event.dataTransfer?.files ?? [])];
    const dragged = files.length > 0 ? undefined : draggedAddress(event.dataTransfer);
    if (files.length > 0) take(files).catch(failed);
    else if (dragged) address(dragged);
    else failed(new Error('What was dropped is no picture. Save the picture first, then drop it.'));
  });

  document.addEventListener('paste', ({ clipboardData, target }) => {
    const files = [...(clipboardData?.files ?? [])];
    if (files.length > 0) return void take(files).catch(failed);
    const text = clipboardData?.getData('text/plain').trim() ?? '';
    if (!(target instanceof HTMLInputElement) && /^(https?:\/\/|data:image\/)\S+$/.test(text)) {
      address(text);
    }
  });

  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-sample]')) {
    button.addEventListener('click', () => address(button.dataset.sample!));
  }
}

/** The same files, of which a model.json of TensorFlow.js and its shards are one, ending as a model does. */
async function packed(files: File[]): Promise<File[]> {
  for (const json of files.filter(({ name }) => LABELS_FILE.test(name))) {
    const text = await json.text();
    if (!text.includes('"weightsManifest"')) continue;
    const shards = files.filter(({ name }) => text.includes(`${name}"`));
    const model = await packFiles([json, ...shards]);
    const named = new File([model], `${json.name} and ${shards.length} shards.bin`);
    return [named, ...files.filter((file) => file !== json && !shards.includes(file))];
  }
  return files;
}

/** A picture dragged from another page: its own address before that of a link around it. */
function draggedAddress(dragged: DataTransfer | null): string | undefined {
  const html = dragged?.getData('text/html') ?? '';
  // What is parsed so is never shown: it loads nothing and runs nothing.
  const picture = new DOMParser().parseFromString(html, 'text/html').querySelector('img[src]');
  const src = picture?.getAttribute('src');
  if (src && /^(https?|data):/.test(src)) return src;
  const lines = (dragged?.getData('text/uri-list') ?? '').split(/\r?\n/);
  // Lines with # are comments there.
  return lines.find((line) => /^(https?|data):/.test(line));
}
