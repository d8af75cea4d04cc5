// Which classes an answer may name: those of `allow`, if there is one, without those of `deny`.

import { OptionError } from './errors.js';
import { quote, type ClassName, type ClassifyOptions, type Prediction } from './options.js';

/** WordNet's ids are known to the worker only: answers hold them. */
const SYNSET = /^n\d{8}$/;

/** What is left of all of a model's predictions. */
export type Filter = (predictions: readonly Prediction[]) => Prediction[];

/** The filter of these options for a model of these labels; none where all classes may be named. */
export function filterOf(
  { allow, deny }: Pick<ClassifyOptions, 'allow' | 'deny'>,
  labels: readonly string[],
): Filter | undefined {
  if (allow === undefined && deny === undefined) return undefined;
  const allowed = allow === undefined ? undefined : checkNames('allow', allow, labels);
  const denied = deny === undefined ? undefined : checkNames('deny', deny, labels);
  if (allowed?.length === 0) {
    throw new OptionError('allow is an empty list. Leave it out, and every class may be named.');
  }
  return (predictions) => {
    const named = (option: string, names: readonly ClassName[] | undefined) =>
      names && new Set(names.flatMap((name) => indicesOf(option, name, predictions)));
    const [may, mayNot] = [named('allow', allowed), named('deny', denied)];
    return predictions.filter(({ index }) => (may?.has(index) ?? true) && !mayNot?.has(index));
  };
}

function checkNames(
  option: string,
  names: unknown,
  labels: readonly string[],
): readonly ClassName[] {
  if (!Array.isArray(names)) {
    throw new OptionError(
      `${option} is ${quote(names)}. Give a list of labels, indices or synsets.`,
    );
  }
  const known = new Set(labels.map((label) => label.toLowerCase()));
  for (const name of names as unknown[]) {
    const isIndex = typeof name === 'number' && Number.isInteger(name) && name in labels;
    const isName = typeof name === 'string' && (known.has(name.toLowerCase()) || SYNSET.test(name));
    if (!isIndex && !isName) throw noClass(option, name, labels.length);
  }
  return [...(names as ClassName[])];
}

/** The classes of a name: a label may be that of several. */
function indicesOf(option: string, name: ClassName, predictions: readonly Prediction[]): number[] {
  if (typeof name === 'number') return [name];
  const label = name.toLowerCase();
  const found = predictions.filter(
    (prediction) => prediction.synset === name || prediction.label.toLowerCase() === label,
  );
  if (found.length === 0) throw noClass(option, name, predictions.length);
  return found.map(({ index }) => index);
}

function noClass(option: string, name: unknown, classes: number): OptionError {
  return new OptionError(
    `${option} holds ${quote(name)}, which is no class of this model. ` +
      `Give labels of info.model.labels, their synsets, or indices from 0 to ${classes - 1}.`,
  );
}
