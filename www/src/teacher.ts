// The worker's end of a lesson: the module that teaches, step by step, so that it can be given up.

import { causedBy, clause } from './cause.js';
import { BackendError, DownloadError, OptionError } from './errors.js';
import type { LessonReport, Step, Teaching } from './report.js';
import { settle } from './settle.js';
import { loadTeacher, type Teacher } from './wasm.js';

/** Milliseconds of work between two looks at what has arrived. */
const SLICE = 30;

let loading: Promise<Teacher> | undefined;

async function teacher(): Promise<Teacher> {
  loading ??= loadTeacher();
  try {
    return await loading;
  } catch (error) {
    loading = undefined;
    if (error instanceof DownloadError) throw error;
    throw causedBy(
      error,
      new BackendError(`The module that teaches could not be loaded (${clause(error)}).`),
    );
  }
}

export interface Pupil {
  isCancelled: () => boolean;
  step: (step: Step) => void;
}

/** What was learnt; nothing where it was given up. */
export async function teach(
  { features, classes, validation, title }: Teaching,
  { isCancelled, step }: Pupil,
): Promise<{ head: string; report: LessonReport } | undefined> {
  const { begin } = await teacher();
  let lesson: ReturnType<typeof begin>;
  try {
    lesson = begin(features, JSON.stringify(classes), validation);
  } catch (error) {
    throw causedBy(error, new OptionError(`This cannot be taught: ${clause(error)}.`));
  }
  try {
    let looked = performance.now();
    for (;;) {
      const { done, ...now } = JSON.parse(lesson.step()) as Step & { done: boolean };
      if (now.accuracy === null) delete now.accuracy;
      step(now);
      if (done) break;
      if (performance.now() - looked < SLICE) continue;
      await settle();
      if (isCancelled()) return undefined;
      looked = performance.now();
    }
    const { head, report } = JSON.parse(lesson.finish(title)) as { head: object; report: Told };
    const { accuracy, ...rest } = report;
    return {
      head: JSON.stringify(head),
      report: accuracy === null ? rest : { ...rest, accuracy },
    };
  } finally {
    lesson.free();
  }
}

type Told = Omit<LessonReport, 'accuracy'> & { accuracy: number | null };

/** The file of a model with another head. */
export async function fileOf(model: Uint8Array, head: string): Promise<Uint8Array<ArrayBuffer>> {
  const { write } = await teacher();
  return (await write(model, head)) as Uint8Array<ArrayBuffer>;
}
