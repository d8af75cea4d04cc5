// What is looked at: an invitation, a picture or the camera.

import { element } from './dom.js';

const stage = element('drop-zone');
const invite = element('invite');
const preview = element<HTMLImageElement>('preview');
export const video = element<HTMLVideoElement>('video');

export function showPicture(picture: File): void {
  const old = preview.src;
  preview.alt = picture.name;
  preview.src = URL.createObjectURL(shown(picture));
  if (old) URL.revokeObjectURL(old);
  fill(preview);
}

/** Browsers draw an SVG only where it is called one, and not every folder or server does. */
export function shown(picture: File): Blob {
  const unnamed = picture.type === '' && /\.svg$/i.test(picture.name);
  return unnamed ? picture.slice(0, picture.size, 'image/svg+xml') : picture;
}

/** A camera that faces its person is shown as a mirror. */
export function showVideo(mirrored: boolean): void {
  video.classList.toggle('mirrored', mirrored);
  fill(video);
}

export function clearStage(): void {
  fill(invite);
}

function fill(shown: HTMLElement): void {
  for (const part of [invite, preview, video]) part.hidden = part !== shown;
  stage.classList.toggle('filled', shown !== invite);
}
