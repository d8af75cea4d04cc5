// A camera in a <video> of the page, wherever on it: as a mirror where it faces its person.

import { openCamera, type CameraOptions } from 'xception-web';

export type Facing = NonNullable<CameraOptions['facingMode']>;

/** `ended`: it went away by itself. */
export async function opened(
  video: HTMLVideoElement,
  options: CameraOptions & { signal: AbortSignal },
  ended: () => void,
): Promise<{ track: MediaStreamTrack; facing: Facing | undefined }> {
  const track = (await openCamera(video, options)).getVideoTracks()[0]!;
  track.addEventListener('ended', () => options.signal.aborted || ended());
  // Where it does not say, it stands on a desk, before its person.
  const facing = track.getSettings().facingMode as Facing | undefined;
  video.classList.toggle('mirrored', facing !== 'environment');
  return { track, facing };
}
