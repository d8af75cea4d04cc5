// The page: one classifier at a time, one picture or camera at a time, the newest always wins.

import {
  BACKENDS,
  ImageClassifier,
  PictureError,
  type BackendChoice,
  type Lesson,
} from 'xception-web';
import { allowed, bring, confirmed, listenForAddresses } from './addresses.js';
import { answerLines, clearAnswer, showAnswer, showBusy } from './answer.js';
import { Camera } from './camera.js';
import { clearCurve, showCurve } from './curve.js';
import { element, messageOf } from './dom.js';
import { showEngine, showModel, showTimings } from './facts.js';
import { Film } from './film.js';
import { MODEL_ENDINGS, listen } from './inputs.js';
import { showKnowledge } from './labels.js';
import { asked, keepInAddress } from './location.js';
import { Picker } from './models.js';
import { clearError, clearProgress, showError, showProgress } from './notices.js';
import { Rooms } from './rooms.js';
import { announce } from './speech.js';
import { clearStage, showPicture, video } from './stage.js';
import { Why } from './why.js';

/** What the package loads where nothing else is asked for. */
const DEFAULT = 'photos';

/** More pictures than a strip is for: they go to the room for folders. */
const MANY = 24;

const offline = import('./offline.js');

let classifier: ImageClassifier | undefined;
let backend: BackendChoice = 'auto';
/** A file or a registry id; `DEFAULT` without one. */
let model: File | string | undefined;
let labels: File | undefined;
let picture: File | undefined;
/** Resolves when the first classifier is there. */
let arrived: () => void;
const first = new Promise<void>((resolve) => (arrived = resolve));

/** Ends the loading, the fetching of a picture and the look that the next one replaces. */
let loading: AbortController | undefined;
let fetching = new AbortController();
let looking = new AbortController();

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
async function load(want: Want): Promise<boolean> {
  const own = (loading = replace(loading));
  const { signal } = own;
  clearProgress();
  const name = nameOf(want.model);
  const total = want.model instanceof File ? want.model.size : picker.bytesOf(want.model);
  const spoken = want.model instanceof File ? 'your model' : (name ?? 'the bundled model');
  showProgress({ stage: 'model', loaded: 0, total }, spoken);
  announce(`Loading ${spoken}.`);
  let loaded = false;
  try {
    const next = await ImageClassifier.create({
      ...want,
      signal,
      // It goes on to tell when it must load another program for a picture, having lost the GPU.
      onProgress: (progress) => signal.aborted || showProgress(progress, spoken),
    });
    looking.abort();
    classifier?.dispose();
    classifier = next;
    arrived();
    void rooms.changed();
    ({ backend, model, labels } = want);
    loaded = true;
    showEngine(next.info);
    showModel(next.info, {
      name,
      id: model instanceof File ? undefined : (model ?? DEFAULT),
      isDefault: model === undefined,
    });
    showKnowledge(next.info.model);
    announce(`Loaded ${spoken}. ${next.info.reason}`);
    picker.choose(model);
    void picker.showStored();
    film.forget();
    void look();
    void offline.then(({ keep }) => keep(next.info));
  } catch (error) {
    if (signal.aborted) return false;
    announce('');
    showError(name ? `${name}: ${messageOf(error)}` : error);
    picker.choose(model); // What goes on running, not what failed.
    if (!classifier) clear();
  }
  if (own === loading) loading = undefined;
  clearProgress();
  choose(backend);
  return loaded;
}

/** Loads what somebody chose; the address names it once it runs. */
async function change(want: Want): Promise<void> {
  clearError();
  if (await load(want)) keepChoices();
}

function keepChoices(): void {
  keepInAddress({ backend, model: model instanceof File ? undefined : model });
}

/** What the page calls a model; nothing for the bundled one. */
function nameOf(model: Want['model']): string | undefined {
  return model instanceof File ? model.name : picker.titleOf(model);
}

/** Gives the loading up; what ran before goes on running. */
function cancel(): void {
  loading?.abort();
  loading = undefined;
  clearProgress();
  choose(backend);
  announce('Loading was cancelled.');
  picker.choose(model);
  picker.focus();
  if (classifier) keepChoices();
  else showError('Loading was cancelled. Choose a model to go on.');
}

/** Classifies what is on the stage: the camera if it runs, else the picture. */
async function look(): Promise<void> {
  const { signal } = (looking = replace(looking));
  if (!camera.runs && !picture) return;
  showBusy();
  // Comes back when the model is loaded, and when the camera is open.
  if (!classifier || (camera.runs && !camera.shows)) return;
  try {
    if (camera.runs) await watch(classifier, signal);
    else if (picture) await lookAt(classifier, picture, signal);
  } catch (error) {
    if (signal.aborted) return;
    camera.stop();
    const stranger = picture && error instanceof PictureError && !picture.type.startsWith('image/');
    picture = undefined;
    clearStage();
    clear();
    showError(stranger ? `${messageOf(error)} Model files end in ${MODEL_ENDINGS}.` : error);
  }
  // A program that was loaded for this picture is there, or never will be.
  if (!signal.aborted && !loading) clearProgress();
}

async function watch(classifier: ImageClassifier, signal: AbortSignal): Promise<void> {
  for await (const answer of classifier.stream(video, { signal })) {
    if (!signal.aborted) show(answer, 'webcam');
  }
}

async function lookAt(
  classifier: ImageClassifier,
  picture: File,
  signal: AbortSignal,
): Promise<void> {
  const answer = film.answerOf(picture) ?? (await classifier.classify(picture, { signal }));
  show(answer, picture.name);
  film.keep(picture, answer);
  rooms.remember(picture, answer);
  const others = async (file: File) => {
    const answer = await classifier.classify(file, { signal });
    rooms.remember(file, answer);
    return answer;
  };
  void film.complete(others, signal);
}

function show(answer: Parameters<typeof showAnswer>[0], source: string): void {
  showAnswer(answer, source);
  showTimings(answer);
  if (camera.runs) showCurve(answer);
  if (camera.runs || !classifier?.info.model.explains) why.clear();
  else why.offer(answer);
  if (classifier) showEngine(classifier.info);
  if (!loading) clearProgress();
}

/** What was said belongs to nothing that is shown. */
function clear(): void {
  clearAnswer();
  clearCurve();
  why.clear();
}

function takePictures(files: File[]): void {
  if (files.length > MANY) return void rooms.take(files);
  fetching.abort(); // What is slower than this came earlier.
  film.show(files);
  takePicture(files[0]!);
}

function takePicture(file: File): void {
  camera.stop();
  clearError();
  picture = file;
  why.wait();
  showPicture(file);
  void look();
}

/** A sample, or a picture of another site. */
async function takeAddress(address: string): Promise<void> {
  const { signal } = (fetching = replace(fetching));
  clearError();
  try {
    const file = await bring(address, signal);
    if (!signal.aborted) takePictures([file]);
  } catch (error) {
    if (!signal.aborted) showError(error);
  }
}

/** The room for teaching, which few open, comes when it is opened. */
async function openRoom(): Promise<void> {
  try {
    const { openTeaching } = await import('./teach.js');
    camera.stop();
    await openTeaching({
      classifier: () => classifier,
      use: useLesson,
      watch: () => element('webcam-start').click(),
    });
  } catch (error) {
    showError(error);
  }
}

/** From now on what was taught answers; its file is the model that goes to another backend. */
async function useLesson(lesson: Lesson, title: string): Promise<void> {
  if (!classifier) return;
  const running = classifier;
  const file = await lesson.blob();
  await running.use(lesson);
  if (running !== classifier) return;
  looking.abort();
  model = new File([file], title);
  labels = undefined;
  showModel(running.info, { name: title, id: undefined, isDefault: false });
  showKnowledge(running.info.model);
  picker.choose(model);
  keepChoices();
  film.forget();
  clear();
  announce(`It now knows ${title}.`);
  void look();
}

function choose(backend: BackendChoice): void {
  for (const radio of document.querySelectorAll<HTMLInputElement>('[name=backend]')) {
    radio.checked = radio.value === backend;
  }
}

const film = new Film(takePicture);
const why = new Why({
  explain: async (index, signal) => {
    if (!classifier || !picture) throw new Error('There is no picture to explain.');
    return classifier.explain(picture, { index, signal });
  },
  failed: showError,
});
const camera = new Camera({
  opening: () => {
    fetching.abort();
    looking.abort();
    picture = undefined;
    film.show([]);
    clearError();
    clear();
    showBusy();
  },
  opened: () => void look(),
  taken: (picture) => takePictures([picture]),
  closed: () => {
    looking.abort();
    clear();
  },
  failed: showError,
});
const rooms = new Rooms({
  classify: async (file, signal) => {
    await first;
    return classifier!.classify(file, { signal });
  },
  model: () => ({ model, name: nameOf(model) ?? classifier?.info.model.title ?? DEFAULT }),
  pick: (file) => {
    takePictures([file]);
    element('drop-zone').scrollIntoView({ block: 'nearest' });
    element('answer').focus();
  },
  failed: showError,
});
const picker = new Picker({
  use: (id) => void change({ backend, model: id, labels: undefined }),
  failed: showError,
});
listen({
  pictures: takePictures,
  address: (address) => void takeAddress(address),
  folders: (entries) => void rooms.take(entries),
  // Labels alone are for the model that runs; a new model brings its own or has none.
  model: (files) => void change({ backend, model: files.model ?? model, labels: files.labels }),
  failed: showError,
});
listenForAddresses({ wanted: (address) => void takeAddress(address) });
element('model-reset').addEventListener(
  'click',
  () => void change({ backend, model: undefined, labels: undefined }),
);
element('teach-open').addEventListener('click', () => void openRoom());
element('loading-cancel').addEventListener('click', cancel);
element('error-close').addEventListener('click', () => {
  clearError();
  element('answer').focus();
});
element('copy').addEventListener('click', () => {
  navigator.clipboard
    .writeText(answerLines().join('\n'))
    .then(() => announce('Copied.'), showError);
});
element('burn').addEventListener('click', () => {
  const known = element('predictions').dataset.known === 'true';
  const lines = answerLines().map((line) => line.replace('\t', ' · '));
  import('./burn.js')
    .then(({ burn }) => burn(known ? lines : ['Nothing I know', ...lines]))
    .catch(showError);
});
document.querySelector('.choice')?.addEventListener('change', ({ target }) => {
  const { value } = target as HTMLInputElement;
  void change({ backend: value as BackendChoice, model, labels });
});

const askedBackend = asked.get('backend') ?? 'auto';
const askedModel = asked.get('model');
const askedPicture = asked.get('url');
backend = BACKENDS.find((name) => name === askedBackend) ?? 'auto';
choose(backend);
void begin();
void offline.then(async ({ begin, takeShared }) => {
  void begin({ busy: () => picture !== undefined || camera.runs });
  const shared = await takeShared();
  if (shared.length > 0) takePictures(shared);
});
if (askedPicture) {
  void confirmed(askedPicture).then((yes) => void (yes && takeAddress(askedPicture)));
}

async function begin(): Promise<void> {
  // An address alone asks no other host for anything: that takes a click.
  const bundled = askedModel === null ? undefined : await picker.bundled(askedModel);
  await load({ backend, model: bundled, labels: undefined });
  if (askedBackend !== backend) {
    const names = BACKENDS.join(', ');
    showError(`There is no backend called "${askedBackend}". Choose one of ${names}.`);
  }
  if (askedModel?.startsWith('hf:')) await beginWith(askedModel);
  else if (askedModel && model === undefined) await picker.suggest(askedModel);
}

/** A model of the hub, which a link wants. */
async function beginWith(name: string): Promise<void> {
  const sentence = `This link wants the model ${name.slice(3)} from huggingface.co, which will learn your network address.`;
  if (await allowed(sentence)) await change({ backend, model: name, labels: undefined });
}
