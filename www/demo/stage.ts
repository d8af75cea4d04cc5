// What is looked at: an invitation, a picture or the camera.

import { element } from './dom.js';
import { shown } from './pictures.js';

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

export function showVideo(): void {
  fill(video);
}

export function clearStage(): void {
  fill(invite);
}

function fill(shown: HTMLElement): void {
  for (const part of [invite, preview, video]) part.hidden = part !== shown;
  stage.classList.toggle('filled', shown !== invite);
}
