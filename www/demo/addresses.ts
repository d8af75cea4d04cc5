// Pictures by address: typed, pasted, dropped from another site, or in the page's own address.
//
// The page's policy lets it ask no other host. A frame with a policy of its own does, exists only while
// it does, and only after somebody asked: so an address in a link has to be confirmed.

import { element } from './dom.js';

const open = element<HTMLButtonElement>('address-open');
const form = element<HTMLFormElement>('address-form');
const input = element<HTMLInputElement>('address-input');
const asked = element('asked');

/** What the frame is told, and what it answers. */
export interface Errand {
  address: string;
}
export type Brought = { blob: Blob } | { message: string };

interface Takers {
  /** Somebody wants this picture. */
  wanted: (address: string) => void;
}

export function listenForAddresses({ wanted }: Takers): void {
  open.addEventListener('click', () => show(form.hidden !== false));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    show(false);
    open.focus();
    wanted(input.value);
  });
  form.addEventListener('keydown', ({ key }) => {
    if (key !== 'Escape') return;
    show(false);
    open.focus();
  });
}

function show(shown: boolean): void {
  form.hidden = !shown;
  open.setAttribute('aria-expanded', String(shown));
  if (shown) input.focus();
}

/** An address that came in a link: of another site, it waits for a yes. */
export async function confirmed(address: string): Promise<boolean> {
  const url = URL.canParse(address, location.href) ? new URL(address, location.href) : undefined;
  if (!url || url.origin === location.origin || url.protocol === 'data:') return true;
  return allowed(
    `This link wants a picture from ${url.host}, which will learn your network address.`,
  );
}

let asking: Promise<unknown> = Promise.resolve();

/** Waits for a yes to a sentence, one after the other. */
export function allowed(sentence: string): Promise<boolean> {
  const answer = asking.then(() => ask(sentence));
  asking = answer;
  return answer;
}

async function ask(sentence: string): Promise<boolean> {
  const yes = element('asked-load');
  element('asked-text').textContent = sentence;
  asked.hidden = false;
  yes.focus();
  const answer = await new Promise<boolean>((resolve) => {
    yes.addEventListener('click', () => resolve(true), { once: true });
    element('asked-no').addEventListener('click', () => resolve(false), { once: true });
  });
  asked.hidden = true;
  element('answer').focus();
  return answer;
}

/** The picture at an address. */
export async function bring(address: string, signal: AbortSignal): Promise<File> {
  if (!URL.canParse(address, location.href)) {
    throw new Error(`"${address}" is no address. Give one that begins with https://.`);
  }
  const url = new URL(address, location.href);
  if (!/^(https?|data):$/.test(url.protocol)) {
    throw new Error(
      `No picture can be asked for at ${url.protocol}// addresses. Give one that begins with https://, or drop the file.`,
    );
  }
  if (url.origin === location.origin || url.protocol === 'data:') return own(url, signal);
  const brought = await errand({ address: url.href }, signal);
  if ('message' in brought) throw new Error(brought.message);
  return new File([brought.blob], nameOf(url), { type: brought.blob.type });
}

/** What this page may ask for itself: its samples, and what lies beside them. */
async function own(url: URL, signal: AbortSignal): Promise<File> {
  const response = await fetch(url, { signal });
  if (!response.ok) {
    throw new Error(`The server answered ${response.status} for ${url.href}. Check the address.`);
  }
  const blob = await response.blob();
  return new File([blob], nameOf(url), { type: blob.type });
}

function nameOf({ protocol, pathname, host }: URL): string {
  if (protocol === 'data:') return 'picture';
  const last = pathname.split('/').at(-1);
  return last || host;
}

/** Sends the frame, and takes it away again. */
async function errand(errand: Errand, signal: AbortSignal): Promise<Brought> {
  const frame = document.createElement('iframe');
  frame.hidden = true;
  frame.src = 'courier.html';
  const { port1, port2 } = new MessageChannel();
  try {
    return await new Promise<Brought>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      port1.onmessage = ({ data }: MessageEvent<Brought>) => resolve(data);
      frame.addEventListener('load', () =>
        frame.contentWindow?.postMessage(errand, location.origin, [port2]),
      );
      document.body.append(frame);
    });
  } finally {
    frame.remove();
    port1.close();
  }
}
