// Whatever a caller hands in, to what the worker takes. Elements are turned into bitmaps here,
// because a worker has no DOM; files stay files and are decoded there.

import { addressOf } from './address.js';
import { OptionError, PictureError } from './errors.js';
import { open } from './fetch.js';
import { quote } from './options.js';
import type { Picture } from './protocol.js';

/** What can be classified. A string is an address. */
export type ImageSource =
  | Blob
  | string
  | URL
  | ImageData
  | ImageBitmap
  | HTMLImageElement
  | HTMLVideoElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | VideoFrame;

export interface Parcel {
  picture: Picture;
  transfer: Transferable[];
}

/** The long side that a drawing without pixels of its own is drawn at, at least. */
const SVG_SIDE = 512;
const SVG_TYPE = 'image/svg+xml';

export async function pack(source: ImageSource, signal?: AbortSignal): Promise<Parcel> {
  signal?.throwIfAborted();
  if (typeof source === 'string' || source instanceof URL) {
    return packBlob(await fetchPicture(source, signal), String(source));
  }
  if (source instanceof Blob) {
    return packBlob(source, isA('File', source) ? `"${source.name}"` : 'The picture');
  }
  if (source instanceof ImageData) return packPixels(source);
  if (isA('HTMLVideoElement', source)) await firstFrame(source, signal);
  if (isA('HTMLImageElement', source)) {
    await loaded(source, signal);
    if (isSvgAddress(source.currentSrc || source.src)) return packBitmap(drawing(source));
  }
  const known = ['ImageBitmap', 'HTMLImageElement', 'HTMLVideoElement', 'HTMLCanvasElement'];
  if (![...known, 'OffscreenCanvas', 'VideoFrame'].some((name) => isA(name, source))) {
    throw new OptionError(
      `Cannot classify ${quote(source)}. Give a File, Blob, address, ImageData, ImageBitmap, VideoFrame, canvas, <img> or <video>.`,
    );
  }
  return packBitmap(source as Exclude<ImageSource, string | URL | Blob | ImageData>);
}

async function fetchPicture(source: string | URL, signal?: AbortSignal): Promise<Blob> {
  const url = addressOf(source);
  if (!url) {
    throw new OptionError(`${quote(source)} is not an address. Give one, or the picture itself.`);
  }
  const response = await open({ url: url.href, what: 'the picture', signal });
  return response.blob();
}

async function packBlob(blob: Blob, name: string): Promise<Parcel> {
  if (blob.type.startsWith(SVG_TYPE) || /\.svg"?$/i.test(name)) {
    return packBitmap(drawing(await loadSvg(blob, name)));
  }
  return { picture: { kind: 'blob', blob, name }, transfer: [] };
}

function packPixels({ data, width, height }: ImageData): Parcel {
  if (!(data instanceof Uint8ClampedArray)) {
    throw new OptionError(
      'This ImageData holds floating-point pixels. Create it with pixelFormat "rgba-unorm8".',
    );
  }
  const rgba = new Uint8Array(data); // A copy: the caller keeps its own.
  const picture: Picture = { kind: 'pixels', rgba, width, height, name: 'The picture' };
  return { picture, transfer: [rgba.buffer] };
}

async function packBitmap(source: ImageBitmapSource): Promise<Parcel> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(source, {
      imageOrientation: 'from-image',
      premultiplyAlpha: 'none',
      colorSpaceConversion: 'none',
    });
  } catch {
    throw new PictureError(
      'undecodable',
      `This ${source.constructor.name} holds no picture: it is closed, empty or could not be loaded.`,
    );
  }
  assertReadable(bitmap);
  const picture: Picture = { kind: 'bitmap', bitmap, name: 'The picture' };
  return { picture, transfer: [bitmap] };
}

/** A picture of another origin can be shown but not read, and not sent to a worker either. */
function assertReadable(bitmap: ImageBitmap): void {
  try {
    const context = new OffscreenCanvas(1, 1).getContext('2d');
    context?.drawImage(bitmap, 0, 0);
    context?.getImageData(0, 0, 1, 1);
  } catch {
    throw new PictureError(
      'tainted',
      'This picture comes from another origin, which has not allowed it to be read. Load it with crossorigin="anonymous" from a server that sends CORS headers.',
    );
  }
}

async function loaded(image: HTMLImageElement, signal?: AbortSignal): Promise<void> {
  try {
    await image.decode();
  } catch {
    throw new PictureError(
      'undecodable',
      `The picture ${image.currentSrc || image.src || 'of an <img> without an address'} could not be loaded.`,
    );
  }
  signal?.throwIfAborted();
}

async function firstFrame(video: HTMLVideoElement, signal?: AbortSignal): Promise<void> {
  if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) return;
  if (!video.currentSrc && !video.srcObject) {
    throw new PictureError('not-ready', 'This <video> has nothing to play. Set its source first.');
  }
  await new Promise<void>((resolve, reject) => {
    const ended = new AbortController();
    const options = { signal: ended.signal };
    const end = (settle: () => void) => () => {
      ended.abort();
      settle();
    };
    const broken = () =>
      reject(new PictureError('undecodable', 'This <video> could not be loaded or decoded.'));
    video.addEventListener('loadeddata', end(resolve), options);
    video.addEventListener('error', end(broken), options);
    signal?.addEventListener(
      'abort',
      end(() => reject(signal.reason)),
      options,
    );
  });
}

function isSvgAddress(url: string): boolean {
  return url.startsWith(`data:${SVG_TYPE}`) || /\.svg([?#]|$)/i.test(url);
}

/** Browsers decode SVG only through an element, and some only when it says its size. */
async function loadSvg(blob: Blob, name: string): Promise<HTMLImageElement> {
  if (typeof document === 'undefined') {
    throw new PictureError('undecodable', `${name} is an SVG: those are drawn by a page only.`);
  }
  const svg = new DOMParser().parseFromString(await blob.text(), SVG_TYPE).documentElement;
  if (svg.localName !== 'svg') {
    throw new PictureError('undecodable', `${name} is not a readable SVG drawing.`);
  }
  const box = (svg.getAttribute('viewBox') ?? '')
    .trim()
    .split(/[\s,]+/)
    .map(Number);
  const width = pixels(svg.getAttribute('width')) || box[2] || SVG_SIDE;
  const height = pixels(svg.getAttribute('height')) || box[3] || SVG_SIDE;
  svg.setAttribute('width', String(width));
  svg.setAttribute('height', String(height));
  const sized = new Blob([new XMLSerializer().serializeToString(svg)], { type: SVG_TYPE });
  const url = URL.createObjectURL(sized);
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    return image;
  } catch {
    throw new PictureError('undecodable', `${name} is not a readable SVG drawing.`);
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** An absolute length; a percentage says nothing here. */
function pixels(length: string | null): number {
  return length && !length.includes('%') ? parseFloat(length) : 0;
}

/** Draws a vector picture large enough to be looked at. */
function drawing(image: HTMLImageElement): HTMLCanvasElement {
  const width = image.naturalWidth || SVG_SIDE;
  const height = image.naturalHeight || SVG_SIDE;
  const scale = Math.max(1, SVG_SIDE / Math.max(width, height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

interface Kinds {
  File: File;
  HTMLImageElement: HTMLImageElement;
  HTMLVideoElement: HTMLVideoElement;
}

/** `instanceof` for classes that do not exist everywhere. */
function isA<K extends keyof Kinds>(name: K, value: unknown): value is Kinds[K];
function isA(name: string, value: unknown): boolean;
function isA(name: string, value: unknown): boolean {
  const type = (globalThis as Record<string, unknown>)[name];
  return typeof type === 'function' && value instanceof type;
}
