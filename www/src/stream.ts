// Live classification: one frame in flight. A frame is taken only when the last answer is there,
// so it is always the newest one and nothing piles up.

import { abortable, join } from './abortable.js';
import type { Classification, LiveClassification } from './options.js';
import { screenOf, type VideoSource } from './screen.js';
import { Pace } from './smooth.js';
import { brokenVideo, isEmpty } from './source.js';

type Classify = (frame: HTMLVideoElement) => Promise<Classification>;

/** After these there may be no frame any more: of the video, and of a camera whose tracks were stopped. */
const ENDS = ['ended', 'emptied', 'error', 'inactive'];

/** Yields an answer per frame until the signal aborts or the video ends; sleeps in a hidden tab. */
export async function* live(
  classify: Classify,
  source: VideoSource,
  aborting: AbortSignal | undefined,
  closing: AbortSignal,
): AsyncGenerator<LiveClassification, void, void> {
  const { signal, release } = join(aborting, closing);
  const { video, release: letGo } = screenOf(source);
  const pace = new Pace();
  const began = !isEmpty(video);
  try {
    if (video !== source && !(video.srcObject as MediaStream).active) return;
    for (;;) {
      await until(video, signal, visible);
      if (isOver(video)) return;
      // Asked for before the answer: what is shown meanwhile is the next frame.
      const next = until(video, signal, nextFrame);
      next.catch(() => {}); // Awaited below, unless there is no answer.
      const dropped = pace.taken(video);
      const answer = await classify(video);
      yield { ...answer, fps: pace.answered(), dropped };
      await next;
      if (video.error) throw brokenVideo();
    }
  } catch (error) {
    // A camera that was closed has taken the video's source away.
    const emptied = began && isEmpty(video);
    if (!aborting?.aborted && (closing.aborted || !emptied)) throw error;
  } finally {
    letGo();
    release();
  }
}

/** A camera that was stopped leaves its last frame behind, and its video is not told. */
function isOver({ ended, srcObject, readyState }: HTMLVideoElement): boolean {
  const begun = readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
  return ended || (begun && srcObject instanceof MediaStream && !srcObject.active);
}

type Wait = (video: HTMLVideoElement, done: () => void, listen: AbortSignal) => void;

const visible: Wait = (_, done, listen) => {
  const check = () => document.hidden || done();
  document.addEventListener('visibilitychange', check, { signal: listen });
  check();
};

/** The next frame that differs from this one. */
const nextFrame: Wait = (video, done, listen) => {
  if (typeof video.requestVideoFrameCallback === 'function') {
    const handle = video.requestVideoFrameCallback(done);
    listen.addEventListener('abort', () => video.cancelVideoFrameCallback(handle));
    return;
  }
  // Browsers without it tell a frame by its time, and of a paused video by what happens to it.
  const { currentTime } = video;
  let handle = 0;
  const look = () => {
    if (video.currentTime !== currentTime) done();
    else if (!video.paused) handle = requestAnimationFrame(look);
  };
  for (const event of ['playing', 'seeked', 'loadeddata']) {
    video.addEventListener(event, done, { signal: listen });
  }
  listen.addEventListener('abort', () => cancelAnimationFrame(handle));
  look();
};

/** Waits for `done`, the video's end or the signal; then all that listened to `listen` is let go. */
async function until(video: HTMLVideoElement, signal: AbortSignal, wait: Wait): Promise<void> {
  const listening = new AbortController();
  const listen = listening.signal;
  try {
    const done = new Promise<void>((resolve) => {
      for (const event of ENDS) {
        for (const target of [video, video.srcObject]) {
          if (target instanceof EventTarget) {
            target.addEventListener(event, () => resolve(), { signal: listen });
          }
        }
      }
      wait(video, resolve, listen);
    });
    await abortable(done, signal);
  } finally {
    listening.abort();
  }
}
