// Answers about the same thing, frame after frame: their mean over time, and how fast they come.

import { OptionError } from './errors.js';
import { quote, type Classification, type Prediction } from './options.js';

/** Milliseconds over which answers are counted. */
const WINDOW = 1000;

export function checkSmoothing(smoothing: unknown): number {
  if (typeof smoothing === 'number' && smoothing >= 0 && smoothing < 1) return smoothing;
  throw new OptionError(
    `smoothing is ${quote(smoothing)}. Give a number from 0, which is none, to below 1.`,
  );
}

/** An exponential moving average of each class's score. */
export class Smoother {
  readonly #smoothing: number;
  #scores = new Map<number, number>();
  #known: number | undefined;

  constructor(smoothing: number) {
    this.#smoothing = smoothing;
  }

  /** All classes of an answer, their scores smoothed. */
  add(answer: Classification): Classification {
    const predictions: Prediction[] = answer.predictions.map((prediction) => {
      return {
        ...prediction,
        score: this.#mixed(this.#scores.get(prediction.index), prediction.score),
      };
    });
    this.#scores = new Map(predictions.map(({ index, score }) => [index, score]));
    this.#known = this.#mixed(this.#known, Number(answer.known));
    predictions.sort((one, other) => other.score - one.score || one.index - other.index);
    return { ...answer, predictions, known: this.#known >= 0.5 };
  }

  #mixed(before: number | undefined, now: number): number {
    return before === undefined ? now : this.#smoothing * before + (1 - this.#smoothing) * now;
  }
}

/** Answers and the frames between them. */
export class Pace {
  #times: number[] = [];
  #frames: number | undefined;

  /** Frames that went by since the last one that was taken; to be asked when one is. */
  taken(video: HTMLVideoElement): number {
    const frames = video.getVideoPlaybackQuality?.().totalVideoFrames ?? 0;
    const before = this.#frames ?? frames;
    this.#frames = frames;
    return Math.max(0, frames - before - 1);
  }

  /** Answers a second, with this one. */
  answered(): number {
    const now = performance.now();
    this.#times = [...this.#times.filter((time) => time > now - WINDOW), now];
    const first = this.#times[0]!;
    return now > first ? ((this.#times.length - 1) * 1000) / (now - first) : 0;
  }
}
