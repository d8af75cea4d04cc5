// A picture with its labels under it, as a file to share. Loaded when somebody wants one.

import { element } from './dom.js';
import { download } from './export.js';
import { encoded } from './pictures.js';

const preview = element<HTMLImageElement>('preview');

/** Pixels of the long side at most: what is shared is looked at on screens. */
const SIDE = 2048;
/** Pixels of the short side at least: text must be readable. */
const LEAST = 320;

/** `shown` are the labels with their shares, best first; none while there is no answer to the picture yet. */
export async function burn(shown: () => string[] | undefined): Promise<void> {
  const { src } = preview;
  try {
    await preview.decode();
  } catch (error) {
    if (src === preview.src) throw error;
  }
  const lines = shown();
  if (!lines || src !== preview.src) return; // Another picture came.
  const { naturalWidth, naturalHeight } = preview;
  const scale = Math.max(
    Math.min(1, SIDE / Math.max(naturalWidth, naturalHeight)),
    LEAST / Math.min(naturalWidth, naturalHeight),
  );
  const canvas = document.createElement('canvas');
  const width = (canvas.width = Math.round(naturalWidth * scale));
  const height = Math.round(naturalHeight * scale);
  const size = Math.round(Math.max(16, width / 24));
  const line = Math.round(1.5 * size);
  canvas.height = height + line * lines.length + size;
  const context = canvas.getContext('2d')!;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, canvas.height);
  context.drawImage(preview, 0, 0, width, height);
  context.textBaseline = 'middle';
  for (const [i, text] of lines.entries()) {
    context.font = `${i === 0 ? 'bold ' : ''}${size}px system-ui, sans-serif`;
    context.fillStyle = i === 0 ? '#17181c' : '#5b5d68';
    context.fillText(text, size, height + size / 2 + line * (i + 0.5), width - 2 * size);
  }
  const name = preview.alt.replace(/\.[^.]*$/, '');
  download(`${name}, labelled.png`, await encoded(canvas, 'image/png'));
}
