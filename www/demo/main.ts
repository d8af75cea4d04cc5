// The page: one classifier at a time, one picture or camera at a time, the newest always wins.

import {
  BACKENDS,
  ImageClassifier,
  PictureError,
  openCamera,
  type BackendChoice,
} from 'xception-web';
import { markFrame, showFilm } from './film.js';
import { MODEL_ENDINGS, listen } from './inputs.js';
import { showKnowledge } from './labels.js';
import { Picker } from './models.js';
import * as view from './view.js';

/** What the package loads where nothing else is asked for. */
const DEFAULT = 'photos';

let classifier: ImageClassifier | undefined;
let backend: BackendChoice = 'auto';
/** A file or a registry id; `DEFAULT` without one. */
let model: File | string | undefined;
let labels: File | undefined;
let picture: File | undefined;

/** Ends the loading, the picture and the camera that the next one replaces. */
let loading = new AbortController();
let looking = new AbortController();
let camera: AbortController | undefined;

function replace(old: AbortController | undefined): AbortController {
  old?.abort();
  return new AbortController();
}

interface Want {
  backend: BackendChoice;
  model: typeof model;
  labels: typeof labels;
}

/** Loads the model on the backend; what runs goes on until the new one is ready. */
async function load(want: Want): Promise<void> {
  const { signal } = (loading = replace(loading));
  view.clearError();
  view.clearProgress();
  const name = nameOf(want.model);
  const total = want.model instanceof File ? want.model.size : picker.bytesOf(want.model);
  const spoken = want.model instanceof File ? 'your model' : (name ?? 'the bundled model');
  view.showProgress({ stage: 'model', loaded: 0, total }, spoken);
  view.announce(`Loading ${spoken}.`);
  try {
    const next = await ImageClassifier.create({
      ...want,
      signal,
      onProgress: (progress) => signal.aborted || view.showProgress(progress, spoken),
    });
    looking.abort();
    classifier?.dispose();
    classifier = next;
    ({ backend, model, labels } = want);
    view.showEngine(next.info);
    view.showModel(next.info, {
      name,
      id: model instanceof File ? undefined : (model ?? DEFAULT),
      isDefault: model === undefined,
    });
    showKnowledge(next.info.model);
    view.announce(`Loaded ${spoken}. ${next.info.reason}`);
    picker.choose(model);
    void picker.showStored();
    void look();
  } catch (error) {
    if (signal.aborted) return;
    view.announce('');
    view.showError(name ? `${name}: ${view.messageOf(error)}` : error);
    picker.choose(model); // What goes on running, not what failed.
    if (!classifier) view.clearAnswer();
  }
  view.clearProgress();
  choose(backend);
}

/** What the page calls a model; nothing for the bundled one. */
function nameOf(model: Want['model']): string | undefined {
  return model instanceof File ? model.name : picker.titleOf(model);
}

/** Gives the loading up; what ran before goes on running. */
function cancel(): void {
  loading.abort();
  view.clearProgress();
  choose(backend);
  view.announce('Loading was cancelled.');
  picker.choose(model);
  picker.focus();
  if (!classifier) view.showError('Loading was cancelled. Choose a model to go on.');
}

/** Classifies what is on the stage: the camera if it runs, else the picture. */
async function look(): Promise<void> {
  const { signal } = (looking = replace(looking));
  if (!camera && !picture) return;
  view.showBusy();
  // Comes back when the model is loaded, and when the camera is open.
  if (!classifier || (camera && !view.video.srcObject)) return;
  try {
    if (camera) await watch(classifier, signal);
    else if (picture) show(await classifier.classify(picture, { signal }), picture.name);
  } catch (error) {
    if (signal.aborted) return;
    if (camera) stopCamera();
    const stranger = picture && error instanceof PictureError && !picture.type.startsWith('image/');
    picture = undefined;
    view.clearStage();
    view.clearAnswer();
    view.showError(stranger ? `${error.message} Model files end in ${MODEL_ENDINGS}.` : error);
  }

  async function watch(classifier: ImageClassifier, signal: AbortSignal): Promise<void> {
    for await (const answer of classifier.stream(view.video, { signal })) {
      if (!signal.aborted) show(answer, 'webcam');
    }
  }
}

function show(answer: Parameters<typeof view.showAnswer>[0], source: string): void {
  view.showAnswer(answer, source);
  if (classifier) view.showEngine(classifier.info);
}

function takePictures(files: File[]): void {
  showFilm(files, takePicture);
  markFrame(0);
  takePicture(files[0]!);
}

function takePicture(file: File): void {
  stopCamera();
  view.clearError();
  picture = file;
  view.showPicture(file);
  void look();
}

async function startCamera(deviceId?: string): Promise<void> {
  const opening = (camera = replace(camera));
  looking.abort();
  picture = undefined;
  showFilm([], takePicture);
  view.clearError();
  view.clearAnswer();
  view.showCameraRunning(true);
  try {
    const stream = await openCamera(view.video, {
      signal: opening.signal,
      deviceId,
      facingMode: 'environment', // Where there is a choice, the one that looks at things.
    });
    const track = stream.getVideoTracks()[0];
    track?.addEventListener('ended', () => opening === camera && stopCamera());
    const settings = track?.getSettings();
    view.showCamera(settings?.facingMode !== 'environment');
    void look();
    // Their names are known only now that one was allowed.
    const devices = await navigator.mediaDevices.enumerateDevices();
    if (opening === camera) view.showCameras(devices, settings?.deviceId);
  } catch (error) {
    if (opening !== camera) return;
    stopCamera();
    view.showError(error);
  }
}

function stopCamera(): void {
  if (!camera) return;
  camera.abort();
  camera = undefined;
  looking.abort();
  view.showCameraRunning(false);
  view.clearStage();
  view.clearAnswer();
}

function choose(backend: BackendChoice): void {
  for (const radio of document.querySelectorAll<HTMLInputElement>('[name=backend]')) {
    radio.checked = radio.value === backend;
  }
}

function changeBackend({ target }: Event): void {
  const { value } = target as HTMLInputElement;
  keepInAddress('backend', value);
  void load({ backend: value as BackendChoice, model, labels });
}

function keepInAddress(name: string, value: string | undefined): void {
  const address = new URL(location.href);
  if (value === undefined) address.searchParams.delete(name);
  else address.searchParams.set(name, value);
  history.replaceState(null, '', address);
}

const picker = new Picker({
  use: (id) => {
    keepInAddress('model', id);
    void load({ backend, model: id, labels: undefined });
  },
  failed: view.showError,
});
listen({
  pictures: takePictures,
  // Labels alone are for the model that runs; a new model brings its own or has none.
  model: (files) => {
    if (files.model) keepInAddress('model', undefined);
    void load({ backend, model: files.model ?? model, labels: files.labels });
  },
  failed: view.showError,
});
view.element('model-reset').addEventListener('click', () => {
  keepInAddress('model', undefined);
  void load({ backend, model: undefined, labels: undefined });
});
view.element('loading-cancel').addEventListener('click', cancel);
view.element('error-close').addEventListener('click', () => {
  view.clearError();
  view.element('answer').focus();
});
view.element('webcam-start').addEventListener('click', () => void startCamera());
view
  .element('cameras')
  .addEventListener(
    'change',
    ({ target }) => void startCamera((target as HTMLSelectElement).value),
  );
view.element('copy').addEventListener('click', () => {
  navigator.clipboard
    .writeText(view.answerText())
    .then(() => view.announce('Copied.'), view.showError);
});
view.element('webcam-stop').addEventListener('click', stopCamera);
document.querySelector('.choice')?.addEventListener('change', changeBackend);

const asked = new URL(location.href).searchParams;
const askedBackend = asked.get('backend') ?? 'auto';
const askedModel = asked.get('model');
backend = BACKENDS.find((name) => name === askedBackend) ?? 'auto';
choose(backend);
void begin();

async function begin(): Promise<void> {
  // An address alone asks no other host for anything: that takes a click.
  const bundled = askedModel === null ? undefined : await picker.bundled(askedModel);
  await load({ backend, model: bundled, labels: undefined });
  if (askedBackend !== backend) {
    const names = BACKENDS.join(', ');
    view.showError(`There is no backend called "${askedBackend}". Choose one of ${names}.`);
  }
  if (askedModel && model === undefined) await picker.suggest(askedModel);
}
