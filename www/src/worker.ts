// The worker: takes messages, one piece of work at a time. Calls into WebAssembly must not
// overlap, so everything goes through one queue.

import { readPixels } from './decode.js';
import { Engine } from './engine.js';
import { toPlain } from './errors.js';
import type { ClassifierInfo } from './options.js';
import { port } from './port.js';
import type { Answer, Ask, Kind, Reply, Request } from './protocol.js';
import { settle } from './settle.js';
import { fileOf, teach } from './teacher.js';

const cancelled = new Set<number>();
let engine: Engine | undefined;
let queue: Promise<void> = Promise.resolve();
/** Of what the page was told last; it changes only with a fallback. */
let toldReason: string | undefined;

port.addEventListener('message', ({ data }: MessageEvent<Request>) => {
  if (data.type === 'cancel') {
    cancelled.add(data.id);
  } else {
    queue = queue.then(() => handle(data));
  }
});

async function handle(request: Ask<Kind> & { id: number }): Promise<void> {
  // A message that arrived during the last piece of work may cancel this one: let it in.
  await settle();
  const { id } = request;
  if (cancelled.delete(id)) {
    if ('picture' in request && request.picture.kind === 'bitmap') {
      request.picture.bitmap.close();
    }
    send({ type: 'cancelled', id });
    return;
  }
  try {
    const handler = handlers[request.type] as (given: typeof request) => Promise<Answer<Kind>>;
    const answer = await handler(request);
    if (answer) send({ ...answer, id }, buffersOf(answer));
    else send({ type: 'cancelled', id });
  } catch (error) {
    send({ type: 'failed', id, error: toPlain(error) });
  } finally {
    cancelled.delete(id);
  }
}

/** Does what is asked; nothing comes of what was given up meanwhile. */
const handlers: {
  [K in Kind]: (request: Ask<K> & { id: number }) => Promise<Answer<K> | undefined>;
} = {
  async create(request) {
    engine = await Engine.create(request, (progress) => send({ type: 'progress', progress }));
    const { info } = engine;
    toldReason = info.reason;
    return { type: 'created', info };
  },

  async classify({ picture, view, topK }) {
    const engine = loaded();
    const begin = performance.now();
    const pixels = await readPixels(picture, view);
    const decode = performance.now() - begin;
    const { predictions, known = true, timings } = await engine.classify(pixels, view, topK);
    const total = performance.now() - begin;
    const { backend } = engine.info;
    const result = { predictions, known, backend, timings: { decode, ...timings, total } };
    return { type: 'classified', result, info: changed(engine) };
  },

  async explain({ picture, view, index }) {
    const engine = loaded();
    const result = await engine.explain(await readPixels(picture, view), view, index);
    return { type: 'explained', result, info: changed(engine) };
  },

  async embed({ picture, view }) {
    const engine = loaded();
    const result = await engine.embed(await readPixels(picture, view), view);
    return { type: 'embedded', result, info: changed(engine) };
  },

  async prepare({ picture, view }) {
    const engine = loaded();
    const begin = performance.now();
    const pixels = await readPixels(picture, view);
    const decoded = performance.now();
    const input = await engine.prepare(pixels, view);
    const timings = { decode: decoded - begin, preprocess: performance.now() - decoded };
    return { type: 'prepared', result: { input, timings }, info: changed(engine) };
  },

  async run({ inputs, count, topK }) {
    const engine = loaded();
    const result = await engine.run(inputs, count, topK);
    return { type: 'ran', result, info: changed(engine) };
  },

  async name({ labels }) {
    const engine = loaded();
    engine.rename(labels);
    toldReason = engine.info.reason;
    return { type: 'named', info: engine.info };
  },

  async teach({ id, ...what }) {
    const taught = await teach(what, {
      isCancelled: () => cancelled.has(id),
      step: (step) => send({ type: 'step', id, step }),
    });
    return taught && { type: 'taught', ...taught };
  },

  async use({ head }) {
    const engine = loaded();
    engine.use(head);
    return { type: 'used', info: engine.info };
  },

  async write({ head }) {
    return { type: 'written', bytes: await fileOf(await loaded().bytes(), head) };
  },
};

function loaded(): Engine {
  if (!engine) throw new Error('A picture arrived before the model.');
  return engine;
}

/** What the page does not know yet of what runs. */
function changed({ info }: Engine): ClassifierInfo | undefined {
  const isNew = info.reason !== toldReason;
  toldReason = info.reason;
  return isNew ? info : undefined;
}

/** What is given away rather than copied: nothing here needs it afterwards. */
function buffersOf(answer: Answer<Kind>): Transferable[] {
  switch (answer.type) {
    case 'prepared':
      return [answer.result.input.buffer];
    case 'written':
      return [answer.bytes.buffer];
    default:
      return [];
  }
}

function send(reply: Reply, transfer: Transferable[] = []): void {
  port.postMessage(reply, transfer);
}

send({ type: 'started' });
