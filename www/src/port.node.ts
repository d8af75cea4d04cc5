// The worker's end in Node.

import { parentPort } from 'node:worker_threads';
import { decodeAhead } from './decode.node.js';
import type * as web from './port.js';
import type { Picture } from './protocol.js';

const parent = parentPort!;

export const ending: typeof web.ending = undefined;

export const port: typeof web.port = {
  postMessage: (message, transfer = []) => parent.postMessage(message, transfer as never),
  addEventListener: (_, listener) => {
    parent.on('message', (data: { picture?: Picture }) => {
      decodeAhead(data.picture);
      listener({ data } as MessageEvent);
    });
  },
};
