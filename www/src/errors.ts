// One class per thing a caller can act on. Every message says what was given, what is allowed
// and what to do next; `code` is the part for programs.

import { causedBy, messageOf } from './cause.js';

/** What every error of this package is an instance of. */
export class XceptionError extends Error {
  /** Stable, machine-readable, finer than the class. */
  readonly code: string;

  // Written out in each class: a build that minifies gives classes other names.
  override readonly name: string = 'XceptionError';

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** An option or argument is not among the allowed ones. Code: `invalid-option`. */
export class OptionError extends XceptionError {
  override readonly name = 'OptionError';

  constructor(message: string, code = 'invalid-option') {
    super(code, message);
  }
}

/**
 * A file did not arrive whole. Codes: `http-error` (the server refused), `html-answer` (a web page
 * came instead of the file), `truncated` (the transfer stopped early,
 * or brought nothing), `hash-mismatch` (not the file whose SHA-256 was given, or not the one that came
 * from there before), `unverified` (a SHA-256 was given where the browser computes none), `cors` (the server lets no other site read it), `csp` (the page's own
 * policy forbids asking), `network` (no answer).
 */
export class DownloadError extends XceptionError {
  override readonly name = 'DownloadError';
}

/**
 * The model file arrived and is not one that can be used. Codes: `invalid-model`, `wrong-model` (a
 * model, but not the one that the registry has at this address), `unreadable` (a file that was changed or
 * taken away since it was chosen).
 */
export class ModelError extends XceptionError {
  override readonly name = 'ModelError';

  constructor(message: string, code = 'invalid-model') {
    super(code, message);
  }
}

/**
 * The picture cannot be used. Codes: `undecodable`, `empty`, `too-large`, `tainted` (a picture of
 * another origin, loaded without permission to read it), `not-ready` (a video without a frame).
 */
export class PictureError extends XceptionError {
  override readonly name = 'PictureError';
}

/** The camera cannot be used. Codes: `denied`, `missing`, `busy`, `insecure`, `failed`. */
export class CameraError extends XceptionError {
  override readonly name = 'CameraError';
}

/** Not even the CPU backend could run. Code: `backend-failed`. */
export class BackendError extends XceptionError {
  override readonly name = 'BackendError';

  constructor(message: string, code = 'backend-failed') {
    super(code, message);
  }
}

/** The worker could not be started, or died. Code: `worker-failed`. */
export class WorkerError extends XceptionError {
  override readonly name = 'WorkerError';

  constructor(message: string, code = 'worker-failed') {
    super(code, message);
  }
}

/** The classifier was used after `dispose()`. Code: `disposed`. */
export class DisposedError extends XceptionError {
  override readonly name = 'DisposedError';

  constructor() {
    super('disposed', 'This classifier has been disposed. Create a new one to classify again.');
  }
}

/** The picture can be shown, and not be read. */
export function tainted(): PictureError {
  return new PictureError(
    'tainted',
    'This picture comes from another origin, which has not allowed it to be read. Load it with crossorigin="anonymous" from a server that sends CORS headers.',
  );
}

/** The form in which an error crosses from worker to page: of a class's name a build leaves nothing. */
export interface PlainError {
  code: string;
  message: string;
  /** Of what led to it, its name and message. */
  cause?: [name: string, message: string];
}

export function toPlain(error: unknown): PlainError {
  const code = error instanceof XceptionError ? error.code : 'worker-failed';
  const cause = error instanceof XceptionError ? error.cause : error;
  const plain: PlainError = { code, message: messageOf(error) };
  if (cause === undefined) return plain;
  return { ...plain, cause: [cause instanceof Error ? cause.name : 'Error', messageOf(cause)] };
}

export function fromPlain({ cause, ...plain }: PlainError): XceptionError {
  const error = ofCode(plain);
  if (!cause) return error;
  const [name, message] = cause;
  return causedBy(Object.assign(new Error(message), { name }), error);
}

/** The error of the class that its code belongs to, of those that a worker can meet. */
function ofCode({ code, message }: PlainError): XceptionError {
  switch (code) {
    case 'invalid-option':
    case 'invalid-labels':
      return new OptionError(message, code);
    case 'http-error':
    case 'html-answer':
    case 'truncated':
    case 'hash-mismatch':
    case 'unverified':
    case 'cors':
    case 'csp':
    case 'network':
      return new DownloadError(code, message);
    case 'invalid-model':
    case 'wrong-model':
    case 'unreadable':
      return new ModelError(message, code);
    case 'undecodable':
    case 'empty':
    case 'too-large':
    case 'tainted':
    case 'not-ready':
      return new PictureError(code, message);
    case 'backend-failed':
      return new BackendError(message, code);
    default:
      return new WorkerError(message, code);
  }
}
