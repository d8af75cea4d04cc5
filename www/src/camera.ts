// A camera in a <video>, freed by the same signal that ends the live classification.

import { abortable } from './abortable.js';
import { causedBy, clause, throwIfAborted } from './cause.js';
import { CameraError, OptionError } from './errors.js';
import { quote } from './options.js';

export interface CameraOptions {
  /**
   * Ends the camera: its tracks are stopped and the element emptied. Without one, stop the tracks of
   * the stream that `openCamera` returns.
   */
  signal?: AbortSignal;
  /** `user` faces the person, `environment` away from them. Default: the browser's choice. */
  facingMode?: 'user' | 'environment';
  /** One camera by its id, from `listCameras()`; goes before `facingMode`. */
  deviceId?: string;
  /**
   * Shows `video` as a mirror does; what is classified stays as it is. `auto`: unless the camera faces
   * away from the person. Default false.
   */
  mirror?: boolean | 'auto';
}

export interface Camera {
  deviceId: string;
  /** Empty until the person has allowed a camera. */
  label: string;
  /** Where it is known. */
  facingMode?: 'user' | 'environment';
}

/** The cameras there are; none where a browser tells of none. */
export async function listCameras(): Promise<Camera[]> {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  const cameras = devices.filter(({ kind }) => kind === 'videoinput');
  return cameras.map((device) => {
    const { deviceId, label } = device;
    const capable = device as Partial<InputDeviceInfo>;
    const facing = capable.getCapabilities?.().facingMode?.[0];
    const facingMode = facing === 'user' || facing === 'environment' ? facing : undefined;
    return { deviceId, label, ...(facingMode && { facingMode }) };
  });
}

/** Opens a camera into `video` and plays it. */
export async function openCamera(
  video: HTMLVideoElement,
  { signal, facingMode, deviceId, mirror = false }: CameraOptions = {},
): Promise<MediaStream> {
  throwIfAborted(signal);
  if (typeof mirror !== 'boolean' && mirror !== 'auto') {
    throw new OptionError(`mirror is ${quote(mirror)}. Choose one of true, false, auto.`);
  }
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new CameraError(
      'insecure',
      'Browsers offer the camera only to pages on https:// or localhost. Open this page there.',
    );
  }
  const opening = navigator.mediaDevices.getUserMedia({
    video: deviceId ? { deviceId: { exact: deviceId } } : facingMode ? { facingMode } : true,
    audio: false,
  });
  let stream: MediaStream;
  try {
    stream = await abortable(opening, signal);
  } catch (error) {
    // The person may still be asked, and allow it to nobody.
    opening.then(stop, () => {});
    throwIfAborted(signal);
    throw causedBy(error, explain(error));
  }
  // A camera on a desk says nothing, and looks at the person.
  const facing = stream.getVideoTracks()[0]?.getSettings().facingMode ?? facingMode;
  const mirrored = mirror === 'auto' ? facing !== 'environment' : mirror;
  const close = () => {
    stop(stream);
    if (video.srcObject !== stream) return;
    video.srcObject = null;
    if (mirrored) video.style.transform = '';
  };
  signal?.addEventListener('abort', close, { once: true });
  if (signal?.aborted) close();
  throwIfAborted(signal);
  video.muted = true;
  video.playsInline = true;
  video.srcObject = stream;
  if (mirrored) video.style.transform = 'scaleX(-1)';
  try {
    await abortable(video.play(), signal);
  } catch (error) {
    throwIfAborted(signal);
    close();
    throw causedBy(
      error,
      new CameraError('failed', `The camera's picture could not be shown (${clause(error)}).`),
    );
  }
  return stream;
}

function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
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
