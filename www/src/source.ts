// Whatever a caller hands in, to what the worker takes. Elements are turned into bitmaps here,
// because a worker has no DOM; files stay files and are decoded there.

import { addressOf } from './address.js';
import { abortable } from './abortable.js';
import { causedBy, throwIfAborted } from './cause.js';
import { OptionError, PictureError, tainted } from './errors.js';
import { collect, open } from './fetch.js';
import { quote } from './options.js';
import type { Picture } from './protocol.js';

/** Pixels as other libraries hold them: rows from the top, RGBA with straight alpha, or RGB. */
export interface RawPixels {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
}

/** What can be classified. A string is an address, an `ArrayBuffer` or `Uint8Array` an encoded file. */
export type ImageSource =
  | Blob
  | ArrayBuffer
  | Uint8Array
  | RawPixels
  | string
  | URL
  | ImageData
  | ImageBitmap
  | HTMLImageElement
  | SVGSVGElement
  | HTMLVideoElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | VideoFrame;

export interface Parcel {
  picture: Picture;
  transfer: Transferable[];
}

/** Copies the pixels, or whatever travels, of what is ready. */
export type Pack = () => Promise<Parcel> | Parcel;

/** The long side that a drawing without pixels of its own is drawn at, at least. */
const SVG_SIDE = 512;
const SVG_TYPE = 'image/svg+xml';

/**
 * Waits until a picture is there, if it must. Not a pixel of it is copied before the answer is called;
 * where nothing is waited for that can be at once, as the caller may change or close it right afterwards.
 */
export function prepare(source: ImageSource, signal: AbortSignal): Pack | Promise<Pack> {
  throwIfAborted(signal);
  if (typeof source === 'string' || source instanceof URL) {
    return fetchPicture(source, signal).then((blob) => prepareBlob(blob, String(source), signal));
  }
  if (source instanceof Blob) {
    const name = isA('File', source) ? `"${source.name}"` : 'The picture';
    return prepareBlob(source, name, signal);
  }
  if (source instanceof ArrayBuffer || source instanceof Uint8Array) {
    // A copy: the caller keeps its own.
    const bytes = new Uint8Array(source as Uint8Array<ArrayBuffer>);
    const type = isMarkup(bytes) ? SVG_TYPE : '';
    return prepareBlob(new Blob([bytes], { type }), 'The picture', signal);
  }
  if (isA('ImageData', source)) return () => packImageData(source);
  if (isRaw(source)) {
    assertWhole(source);
    return () => packPixels(source);
  }
  if (isVideo(source)) {
    const pack = () => packVideo(source);
    const frame = firstFrame(source, signal);
    return frame ? frame.then(() => pack) : pack;
  }
  if (isA('HTMLImageElement', source)) {
    return loaded(source, signal).then(
      () => () =>
        packBitmap(isSvgAddress(source.currentSrc || source.src) ? drawing(source) : source),
    );
  }
  if (isA('SVGSVGElement', source)) {
    const text = new XMLSerializer().serializeToString(source);
    return drawn(text, 'This <svg>', signal).then((image) => () => packBitmap(drawing(image)));
  }
  const known = ['ImageBitmap', 'HTMLCanvasElement', 'OffscreenCanvas', 'VideoFrame'];
  if (!known.some((name) => isA(name, source))) {
    throw new OptionError(
      `Cannot classify ${quote(source)}. Give a File, Blob, address, encoded bytes, { data, width, height }, ImageData, ImageBitmap, VideoFrame, canvas, <img>, <svg> or <video>; a list of these to classifyAll.`,
    );
  }
  return () => packBitmap(source as ImageBitmap);
}

/** Lets go of what was packed and not sent. */
export function free({ transfer }: Parcel): void {
  for (const item of transfer) if ('close' in item) item.close();
}

/** Browsers show pictures of other origins, and send none of them to a worker. */
export function refused(error: unknown): unknown {
  return error instanceof DOMException && error.name === 'DataCloneError' ? tainted() : error;
}

export function isVideo(source: unknown): source is HTMLVideoElement {
  return isA('HTMLVideoElement', source);
}

/** Whether there is nothing that the video could play. Its own word for that comes late. */
export function isEmpty(video: HTMLVideoElement): boolean {
  return !video.srcObject && !video.hasAttribute('src') && !video.querySelector('source');
}

async function fetchPicture(source: string | URL, signal: AbortSignal): Promise<Blob> {
  const url = addressOf(source)?.href;
  if (!url) {
    throw new OptionError(`${quote(source)} is not an address. Give one, or the picture itself.`);
  }
  const request = { url, what: 'the picture', signal };
  const response = await open(request);
  const type = response.headers.get('content-type') ?? '';
  return new Blob([await collect(response, request)], { type });
}

function prepareBlob(blob: Blob, name: string, signal: AbortSignal): Pack | Promise<Pack> {
  if (blob.type.startsWith(SVG_TYPE) || /\.svg"?$/i.test(name)) {
    return loadSvg(blob, name, signal).then((image) => () => packBitmap(drawing(image)));
  }
  return () => ({ picture: { kind: 'blob', blob, name }, transfer: [] });
}

function packImageData(picture: ImageData): Parcel {
  if (!(picture.data instanceof Uint8ClampedArray)) {
    throw new OptionError(
      'This ImageData holds floating-point pixels. Create it with pixelFormat "rgba-unorm8".',
    );
  }
  return packPixels(picture);
}

function isRaw(source: unknown): source is RawPixels {
  const { data, width, height } = Object(source) as Partial<RawPixels>;
  const isBytes = isA('Uint8Array', data) || isA('Uint8ClampedArray', data);
  return isBytes && typeof width === 'number' && typeof height === 'number';
}

function assertWhole({ data, width, height }: RawPixels): void {
  const pixels = width * height;
  const isSize = [width, height].every((side) => Number.isInteger(side) && side >= 1);
  if (isSize && (data.length === 4 * pixels || data.length === 3 * pixels)) return;
  throw new OptionError(
    `data holds ${data.length} bytes, and width and height are ${width} and ${height}. Give whole pixels of three bytes (RGB) or four (RGBA), with nothing between the rows: width × height × 3 or 4 bytes.`,
  );
}

function packPixels({ data, width, height }: RawPixels): Parcel {
  const pixels = width * height;
  let rgba: Uint8Array<ArrayBuffer>;
  if (data.length === 4 * pixels) {
    rgba = new Uint8Array(data); // A copy: the caller keeps its own.
  } else {
    rgba = new Uint8Array(4 * pixels).fill(255);
    for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
      rgba[to] = data[from]!;
      rgba[to + 1] = data[from + 1]!;
      rgba[to + 2] = data[from + 2]!;
    }
  }
  const picture: Picture = { kind: 'pixels', rgba, width, height, name: 'The picture' };
  return { picture, transfer: [rgba.buffer] };
}

/** Milliseconds in which a video must show a frame that is there. */
const SHOWN = 1000;

/** A camera's frame goes to the worker as it is, where the browser can: no pixel of it is touched here. */
async function packVideo(video: HTMLVideoElement): Promise<Parcel> {
  if (video.srcObject && typeof VideoFrame !== 'undefined') {
    try {
      return packed(new VideoFrame(video));
    } catch {
      // Between two sources, for one. A bitmap tells more.
    }
  }
  return packBitmap(video).catch(async (error: unknown) => {
    if (typeof video.requestVideoFrameCallback !== 'function') throw error;
    // Chromium has no frame of a video that nobody has seen yet, until one is asked for.
    await new Promise((resolve) => {
      video.requestVideoFrameCallback(resolve);
      setTimeout(resolve, SHOWN);
    });
    return packBitmap(video);
  });
}

async function packBitmap(source: ImageBitmapSource): Promise<Parcel> {
  try {
    // Turned upright by default; saying so is an error in browsers that were made before there was a choice.
    return packed(
      await createImageBitmap(source, { premultiplyAlpha: 'none', colorSpaceConversion: 'none' }),
    );
  } catch (error) {
    throw causedBy(
      error,
      new PictureError(
        'undecodable',
        `This ${source.constructor.name} holds no picture: it is closed, empty or could not be loaded.`,
      ),
    );
  }
}

function packed(bitmap: ImageBitmap | VideoFrame): Parcel {
  return { picture: { kind: 'bitmap', bitmap, name: 'The picture' }, transfer: [bitmap] };
}

async function loaded(image: HTMLImageElement, signal: AbortSignal): Promise<void> {
  try {
    await abortable(image.decode(), signal);
  } catch (error) {
    throwIfAborted(signal);
    throw causedBy(
      error,
      new PictureError(
        'undecodable',
        `The picture ${image.currentSrc || image.src || 'of an <img> without an address'} could not be loaded.`,
      ),
    );
  }
}

/** Waits for a frame of a video that has none. */
function firstFrame(video: HTMLVideoElement, signal: AbortSignal): Promise<void> | undefined {
  if (video.error) throw brokenVideo();
  if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) return undefined;
  if (isEmpty(video)) throw emptyVideo();
  const listening = new AbortController();
  const options = { signal: listening.signal };
  const frame = new Promise<void>((resolve, reject) => {
    video.addEventListener('loadeddata', () => resolve(), options);
    video.addEventListener('error', () => reject(brokenVideo()), options);
    // Also when it is given another source.
    video.addEventListener('emptied', () => isEmpty(video) && reject(emptyVideo()), options);
  });
  return abortable(frame, signal).finally(() => listening.abort());
}

function emptyVideo(): PictureError {
  return new PictureError('not-ready', 'This <video> has nothing to play. Set its source first.');
}

export function brokenVideo(): PictureError {
  return new PictureError('undecodable', 'This <video> could not be loaded or decoded.');
}

function isSvgAddress(url: string): boolean {
  return url.startsWith(`data:${SVG_TYPE}`) || /\.svg([?#]|$)/i.test(url);
}

/** Whether an encoded picture is text: no other format begins with a bracket. */
function isMarkup(bytes: Uint8Array): boolean {
  return /^(\xEF\xBB\xBF)?\s*</.test(String.fromCharCode(...bytes.subarray(0, 64)));
}

/** Browsers decode SVG only through an element, and some only when it says its size. */
async function loadSvg(blob: Blob, name: string, signal: AbortSignal): Promise<HTMLImageElement> {
  if (typeof document === 'undefined') {
    throw new PictureError('undecodable', `${name} is an SVG: those are drawn by a page only.`);
  }
  // A file that was changed since it was chosen has no text.
  return drawn(await blob.text().catch(() => ''), name, signal);
}

async function drawn(text: string, name: string, signal: AbortSignal): Promise<HTMLImageElement> {
  const svg = new DOMParser().parseFromString(text, SVG_TYPE).documentElement;
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
    await abortable(image.decode(), signal);
    return image;
  } catch {
    throwIfAborted(signal);
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
  ImageData: ImageData;
  HTMLImageElement: HTMLImageElement;
  SVGSVGElement: SVGSVGElement;
  HTMLVideoElement: HTMLVideoElement;
  MediaStream: MediaStream;
  MediaStreamTrack: MediaStreamTrack;
}

/** `instanceof` for classes that do not exist everywhere. */
export function isA<K extends keyof Kinds>(name: K, value: unknown): value is Kinds[K];
export function isA(name: string, value: unknown): boolean;
export function isA(name: string, value: unknown): boolean {
  const type = (globalThis as Record<string, unknown>)[name];
  return typeof type === 'function' && value instanceof type;
}
