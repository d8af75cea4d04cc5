// Whatever shows moving pictures, as a <video>.

import { OptionError } from './errors.js';
import { quote } from './options.js';
import { isA } from './source.js';

/** What `stream` takes. */
export type VideoSource = HTMLVideoElement | MediaStream | MediaStreamTrack;

/** A <video>, and how to let it go. */
export interface Screen {
  video: HTMLVideoElement;
  release: () => void;
}

/** Checks a source. */
export function checkVideo(source: unknown): VideoSource {
  if (isA('HTMLVideoElement', source)) return source;
  const isTrack = isA('MediaStreamTrack', source) && source.kind === 'video';
  if (isTrack || (isA('MediaStream', source) && source.getVideoTracks().length > 0)) return source;
  throw new OptionError(
    `Cannot stream ${quote(source)}. Give a <video>, a MediaStream with a video track, or a MediaStreamTrack of kind "video".`,
  );
}

/** The caller's own <video>; for what has none, one that nobody sees. */
export function screenOf(source: VideoSource): Screen {
  if (isA('HTMLVideoElement', source)) return { video: source, release: () => {} };
  const video = document.createElement('video');
  video.muted = true;
  video.playsInline = true;
  video.srcObject = isA('MediaStream', source) ? source : new MediaStream([source]);
  video.play().catch(() => {}); // Where it was let go before it began.
  return { video, release: () => (video.srcObject = null) };
}
