// Several pictures at once: a strip of them, from which one is looked at.

import { element } from './view.js';

const film = element('film');

/** Shows the strip, or hides it where there is nothing to choose. */
export function showFilm(files: File[], pick: (file: File) => void): void {
  for (const image of film.querySelectorAll('img')) URL.revokeObjectURL(image.src);
  film.replaceChildren(...(files.length > 1 ? files.map(frame) : []));
  film.hidden = files.length < 2;

  function frame(file: File): HTMLElement {
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.addEventListener('click', () => {
      markFrame(files.indexOf(file));
      pick(file);
    });
    const image = new Image();
    image.src = URL.createObjectURL(file);
    image.alt = file.name;
    button.append(image);
    item.append(button);
    return item;
  }
}

/** Which of them is looked at. */
export function markFrame(at: number): void {
  for (const [i, button] of film.querySelectorAll('button').entries()) {
    button.setAttribute('aria-pressed', String(i === at));
  }
}
