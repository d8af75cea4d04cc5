// One class per thing a caller can act on. Every message says what was given, what is allowed
// and what to do next; `code` is the part for programs.

/** What every error of this package is an instance of. */
export class XceptionError extends Error {
  /** Stable, machine-readable, finer than the class. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
    this.name = new.target.name;
  }
}

/** An option or argument is not among the allowed ones. Code: `invalid-option`. */
export class OptionError extends XceptionError {
  constructor(message: string, code = 'invalid-option') {
    super(code, message);
  }
}

/**
 * A file did not arrive whole. Codes: `http-error` (the server refused), `html-answer` (a web page
 * came instead of the file), `truncated` (the transfer stopped early,
 * or brought nothing), `hash-mismatch` (not the file
 * whose SHA-256 was given), `cors` (the server lets no other site read it), `csp` (the page's own
 * policy forbids asking), `network` (no answer).
 */
export class DownloadError extends XceptionError {}

/**
 * The model file arrived and is not one that can be used. Codes: `invalid-model`, `wrong-model` (a
 * model, but not the one that the registry has at this address).
 */
export class ModelError extends XceptionError {
  constructor(message: string, code = 'invalid-model') {
    super(code, message);
  }
}

/**
 * The picture cannot be used. Codes: `undecodable`, `empty`, `too-large`, `tainted` (a picture of
 * another origin, loaded without permission to read it), `not-ready` (a video without a frame).
 */
export class PictureError extends XceptionError {}

/** The camera cannot be used. Codes: `denied`, `missing`, `busy`, `insecure`, `failed`. */
export class CameraError extends XceptionError {}

/** Not even the CPU backend could run. Code: `backend-failed`. */
export class BackendError extends XceptionError {
  constructor(message: string, code = 'backend-failed') {
    super(code, message);
  }
}

/** The worker could not be started, or died. Code: `worker-failed`. */
export class WorkerError extends XceptionError {
  constructor(message: string, code = 'worker-failed') {
    super(code, message);
  }
}

/** The classifier was used after `dispose()`. Code: `disposed`. */
export class DisposedError extends XceptionError {
  constructor() {
    super('disposed', 'This classifier has been disposed. Create a new one to classify again.');
  }
}

/** The form in which an error crosses between worker and page. */
export interface PlainError {
  name: string;
  code: string;
  message: string;
}

export function toPlain(error: unknown): PlainError {
  if (error instanceof XceptionError) {
    return { name: error.name, code: error.code, message: error.message };
  }
  return { name: 'WorkerError', code: 'worker-failed', message: messageOf(error) };
}

export function fromPlain({ name, code, message }: PlainError): XceptionError {
  switch (name) {
    case 'OptionError':
      return new OptionError(message, code);
    case 'DownloadError':
      return new DownloadError(code, message);
    case 'ModelError':
      return new ModelError(message, code);
    case 'PictureError':
      return new PictureError(code, message);
    case 'BackendError':
      return new BackendError(message, code);
    default:
      return new WorkerError(message, code);
  }
}

/** The one-line text of anything thrown. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim() || 'unknown error';
}

/** A message as it stands inside another sentence: without its full stop. */
export function clause(error: unknown): string {
  // A browser may explain itself over several lines.
  return messageOf(error)
    .replace(/\s+/g, ' ')
    .replace(/[. ]+$/, '');
}
