// Live classification: one frame in flight. A frame is taken only when the last answer is there,
// so it is always the newest one and nothing piles up.

import type { Classification, ClassifyOptions } from './options.js';

type Classify = (frame: HTMLVideoElement, options: ClassifyOptions) => Promise<Classification>;

/** Yields an answer per frame until the signal aborts or the video ends; sleeps in a hidden tab. */
export async function* live(
  classify: Classify,
  video: HTMLVideoElement,
  options: ClassifyOptions,
): AsyncGenerator<Classification, void, void> {
  const { signal } = options;
  try {
    while (!signal?.aborted && !video.ended) {
      await visible(signal);
      yield await classify(video, options);
      await nextFrame(video, signal);
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}

function visible(signal?: AbortSignal): Promise<void> {
  return until(signal, (done, listen) => {
    const check = () => document.hidden || done();
    document.addEventListener('visibilitychange', check, { signal: listen });
    check();
  });
}

/** The next frame that differs from this one, where the browser can tell. */
function nextFrame(video: HTMLVideoElement, signal?: AbortSignal): Promise<void> {
  return until(signal, (done, listen) => {
    video.addEventListener('ended', done, { signal: listen });
    if ('requestVideoFrameCallback' in video) {
      const handle = video.requestVideoFrameCallback(done);
      listen.addEventListener('abort', () => video.cancelVideoFrameCallback(handle));
    } else {
      requestAnimationFrame(done);
    }
  });
}

/** Waits for `done` or the signal; then all that listened to `listen` is let go. */
async function until(
  signal: AbortSignal | undefined,
  start: (done: () => void, listen: AbortSignal) => void,
): Promise<void> {
  const listening = new AbortController();
  try {
    await new Promise<void>((resolve, reject) => {
      signal?.throwIfAborted();
      signal?.addEventListener('abort', () => reject(signal.reason), {
        signal: listening.signal,
      });
      start(resolve, listening.signal);
    });
  } finally {
    listening.abort();
  }
}
