// The worker's end in Node. Encoded pictures become pixels before the worker sees them: nothing there decodes
// any by itself, as browsers do.

import { parentPort } from 'node:worker_threads';
import { toPlain } from './errors.js';
import { readPicture } from './picture.node.js';
import type { Picture, Request } from './protocol.js';
import type * as web from './port.js';

const parent = parentPort!;

export const ending: typeof web.ending = undefined;

let order: Promise<void> = Promise.resolve();

export const port: typeof web.port = {
  postMessage: (message, transfer = []) => parent.postMessage(message, transfer as never),

  addEventListener: (_, listener) => {
    const hand = (data: Request) => listener({ data } as MessageEvent);
    parent.on('message', (request: Request & { picture?: Picture }) => {
      // At once: it may be for one that still waits here.
      if (request.type === 'cancel') return hand(request);
      order = order.then(async () => {
        try {
          const { picture } = request;
          hand(
            picture?.kind === 'blob'
              ? { ...request, picture: await readPicture(picture) }
              : request,
          );
        } catch (error) {
          parent.postMessage({ type: 'failed', id: request.id, error: toPlain(error) });
        }
      });
    });
  },
};
