// Pictures as files: what is one, how browsers are shown it, and how a drawing becomes one.

const ENDING = /\.(svg|png|jpe?g|jfif|webp|gif|bmp|avif)$/i;

/** By its type, or its name: not every system knows the types of all. */
export function isPicture({ type, name }: File): boolean {
  return type.startsWith('image/') || ENDING.test(name);
}

/** Browsers draw an SVG only where it is called one, and not every folder or server does. */
export function shown(picture: File): Blob {
  const unnamed = picture.type === '' && /\.svg$/i.test(picture.name);
  return unnamed ? picture.slice(0, picture.size, 'image/svg+xml') : picture;
}

export function encoded(canvas: HTMLCanvasElement, type: string, quality?: number): Promise<Blob> {
  return new Promise((resolve, reject) => {
    const done = (blob: Blob | null) =>
      blob
        ? resolve(blob)
        : reject(
            new Error('The picture could not be made: the browser has no memory left for it.'),
          );
    canvas.toBlob(done, type, quality);
  });
}
