// In a frame of its own: fetches one picture of another site, and says what stood in the way.

import { collect, open } from '../src/fetch.js';
import type { Brought, Errand } from './addresses.js';
import { messageOf } from './dom.js';

addEventListener('message', ({ data, origin, source, ports }: MessageEvent<Errand>) => {
  // Only for the page that it stands in.
  if (origin !== location.origin || source !== parent || !ports[0]) return;
  void fetched(data.address).then((brought) => ports[0]!.postMessage(brought));
});

async function fetched(url: string): Promise<Brought> {
  try {
    const request = { url, what: 'the picture' };
    const response = await open(request);
    const type = response.headers.get('content-type')?.split(';')[0] ?? '';
    return { blob: new Blob([await collect(response, request)], { type }) };
  } catch (error) {
    return { message: messageOf(error) };
  }
}
