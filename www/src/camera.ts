// A camera in a <video>, freed by the same signal that ends the live classification.

import { CameraError, clause } from './errors.js';

export interface CameraOptions {
  /** Ends the camera: its tracks are stopped and the element emptied. */
  signal: AbortSignal;
  /** `user` faces the person, `environment` away from them. Default: the browser's choice. */
  facingMode?: 'user' | 'environment';
  /** One camera by its id, from `navigator.mediaDevices.enumerateDevices()`; goes before `facingMode`. */
  deviceId?: string;
}

/** Opens a camera into `video` and plays it. */
export async function openCamera(
  video: HTMLVideoElement,
  { signal, facingMode, deviceId }: CameraOptions,
): Promise<MediaStream> {
  signal.throwIfAborted();
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new CameraError(
      'insecure',
      'Browsers offer the camera only to pages on https:// or localhost. Open this page there.',
    );
  }
  const stream = await navigator.mediaDevices
    .getUserMedia({
      video: deviceId ? { deviceId: { exact: deviceId } } : facingMode ? { facingMode } : true,
      audio: false,
    })
    .catch((error: unknown) => {
      throw explain(error);
    });
  const close = () => {
    for (const track of stream.getTracks()) track.stop();
    if (video.srcObject === stream) video.srcObject = null;
  };
  if (signal.aborted) close();
  signal.throwIfAborted();
  signal.addEventListener('abort', close, { once: true });
  video.muted = true;
  video.playsInline = true;
  video.srcObject = stream;
  await video.play().catch((error: unknown) => {
    signal.throwIfAborted();
    close();
    throw new CameraError('failed', `The camera's picture could not be shown (${clause(error)}).`);
  });
  return stream;
}

function explain(error: unknown): CameraError {
  switch (error instanceof Error ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return new CameraError(
        'denied',
        'The camera was not allowed. Allow it for this page in the browser’s address bar or settings, then start again.',
      );
    case 'NotFoundError':
    case 'OverconstrainedError':
      return new CameraError('missing', 'No camera was found. Connect one, then start again.');
    case 'NotReadableError':
    case 'AbortError':
      return new CameraError(
        'busy',
        'The camera could not be opened; another program may be using it. Close that program, then start again.',
      );
    default:
      return new CameraError('failed', `The camera could not be opened (${clause(error)}).`);
  }
}
