// What the classes of a model are called: as was asked, as its configuration says, or as in ImageNet.

import { causedBy, clause } from './cause.js';
import { OptionError } from './errors.js';
import { download } from './fetch.js';
import type { Creation } from './protocol.js';
import type { Session } from './wasm.js';

/** What a model of 1000 classes without names of its own is taken to know. */
const IMAGENET_CLASSES = 1000;

let imagenet: Promise<string> | undefined;

/** JSON of the names that a session is to have; nothing where it keeps its own. */
export async function namesFor(session: Session, want: Creation): Promise<string | undefined> {
  const json = want.labels ?? namesIn(want.model.config);
  const { classes, labels } = session.info();
  if (json !== undefined || labels.length > 0 || classes !== IMAGENET_CLASSES) return json;
  imagenet ??= fetchImagenet().catch((error: unknown) => {
    imagenet = undefined; // Perhaps later.
    throw error;
  });
  return imagenet;
}

async function fetchImagenet(): Promise<string> {
  const url = new URL('./models/imagenet.json', import.meta.url).href;
  return new TextDecoder().decode(await download({ url, what: "ImageNet's class names" }));
}

export function setLabels(session: Session, json: string): void {
  try {
    session.setLabels(json);
  } catch (error) {
    throw causedBy(
      error,
      new OptionError(`The labels do not fit (${clause(error)}).`, 'invalid-labels'),
    );
  }
}

/** What timm says of a model's input: with the names that were given, or beside the file. */
export function configOf({ labels, model }: Creation): string | undefined {
  return labels?.includes('"pretrained_cfg"') ? labels : model.config;
}

/** The configuration beside a model, where it names the classes. */
function namesIn(config: string | undefined): string | undefined {
  return config && /"(label_names|id2label)"\s*:\s*[[{]/.test(config) ? config : undefined;
}
