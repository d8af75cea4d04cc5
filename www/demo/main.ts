// The page: what is looked at, and what is said of it. One picture or camera at a time, the newest always wins.

import { PictureError, type ImageClassifier } from 'xception-web';
import { bring, confirmed, listenForAddresses } from './addresses.js';
import { answerLines, burntLines, clearAnswer, showAnswer, showBusy } from './answer.js';
import { Camera } from './camera.js';
import { clearCurve, showCurve } from './curve.js';
import { element, messageOf } from './dom.js';
import { copy } from './export.js';
import { showEngine, showTimings } from './facts.js';
import { Film } from './film.js';
import { MODEL_ENDINGS, listen } from './inputs.js';
import { asked } from './location.js';
import { clearError, clearProgress, showError } from './notices.js';
import * as offline from './offline.js';
import { Rooms } from './rooms.js';
import { Running } from './running.js';
import { clearStage, showPicture, video } from './stage.js';
import { Why } from './why.js';

/** More pictures than a strip is for: they go to the room for folders. */
const MANY = 24;

let picture: File | undefined;

/** Ends the fetching of a picture and the look that the next one replaces. */
let fetching = new AbortController();
let looking = new AbortController();

function replace(old: AbortController): AbortController {
  old.abort();
  return new AbortController();
}

/** Classifies what is on the stage: the camera if it runs, else the picture. */
async function look(): Promise<void> {
  const { signal } = (looking = replace(looking));
  const { classifier } = running;
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
  if (!signal.aborted && !running.loads) clearProgress();
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
  const info = running.classifier?.info;
  if (camera.runs) showCurve(answer);
  if (camera.runs || !info?.model.explains) why.clear();
  else why.offer(answer);
  if (info) showEngine(info);
  if (!running.loads) clearProgress();
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

const film = new Film(takePicture);
const running = new Running({
  leaving: () => {
    looking.abort();
    rooms.leave();
  },
  ready: () => {
    film.forget();
    void look();
  },
  failed: (error) => {
    if (!running.classifier) clear(); // Nothing is coming.
    showError(error);
  },
});
const why = new Why({
  explain: async (index, signal) => {
    if (!running.classifier || !picture) throw new Error('There is no picture to explain.');
    return running.classifier.explain(picture, { index, signal });
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
  classify: (file, signal) => running.classify(file, signal),
  classifier: () => running.classifier,
  model: () => running.model,
  pick: (file) => {
    takePictures([file]);
    element('drop-zone').scrollIntoView({ block: 'nearest' });
    element('answer').focus();
  },
  teaching: () => camera.stop(),
  use: (lesson, name) => running.use(lesson, name),
  watch: () => void camera.start(),
  failed: showError,
});
listen({
  pictures: takePictures,
  address: (address) => void takeAddress(address),
  folders: (entries) => void rooms.take(entries),
  // Labels alone are for the model that runs; a new model brings its own or has none.
  model: ({ model = running.model.model, labels }) => void running.change({ model, labels }),
  failed: showError,
});
listenForAddresses({ wanted: (address) => void takeAddress(address) });
element('error-close').addEventListener('click', () => {
  clearError();
  element('answer').focus();
});
element('copy').addEventListener('click', () => {
  copy(answerLines().join('\n')).catch(showError);
});
element('burn').addEventListener('click', () => {
  import('./burn.js').then(({ burn }) => burn(burntLines)).catch(showError);
});

void running.begin();
void begin();

/** What came with the address, before anything may load the page anew. */
async function begin(): Promise<void> {
  const shared = await offline.takeShared();
  // Whoever began something else meanwhile goes on with that.
  if (shared.length > 0 && !picture && !camera.runs) takePictures(shared);
  await offline.begin();
}

const askedPicture = asked.get('url');
if (askedPicture) {
  void confirmed(askedPicture).then((yes) => void (yes && takeAddress(askedPicture)));
}
