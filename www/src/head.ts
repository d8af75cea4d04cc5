// A head that was taught, and a session that answers by it.

import { causedBy, clause } from './cause.js';
import { OptionError } from './errors.js';
import type { ModelInfo } from './options.js';
import type { Session, SessionInfo } from './wasm.js';

/** What was taught, as it is kept: numbers in the order of `[features, classes]`, and what they mean. */
interface Head {
  weight: number[];
  bias: number[];
  labels: string[];
  title: string | null;
  provenance: string;
}

/** What is said of the model alone. */
export function modelOf(info: SessionInfo): ModelInfo {
  const { runtime: _, threads: __, tile: ___, precision: ____, ...model } = info;
  return model;
}

/** Answers by this head (JSON) from now on, or without one by the model's own; what the model is then. */
export function applyHead(session: Session, json: string | undefined): ModelInfo {
  const own = modelOf(session.info());
  if (json === undefined) {
    session.useHead(new Float32Array(), new Float32Array(), '');
    return own;
  }
  try {
    const { weight, bias, labels, title, provenance } = JSON.parse(json) as Head;
    session.useHead(new Float32Array(weight), new Float32Array(bias), JSON.stringify(labels));
    const { length: classes } = labels;
    return { ...own, labels, classes, title: title ?? undefined, provenance, explains: true };
  } catch (error) {
    throw causedBy(
      error,
      new OptionError(`What was taught is not for this model (${clause(error)}).`),
    );
  }
}
