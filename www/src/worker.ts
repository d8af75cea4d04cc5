// The worker: takes messages, one piece of work at a time. Calls into WebAssembly must not
// overlap, so everything goes through one queue.

import { readPixels } from './decode.js';
import { Engine } from './engine.js';
import { toPlain } from './errors.js';
import type { ClassifierInfo } from './options.js';
import { port } from './port.js';
import type { Reply, Request } from './protocol.js';
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

async function handle(request: Exclude<Request, { type: 'cancel' }>): Promise<void> {
  // A message that arrived during the last piece of work may cancel this one: let it in.
  await settle();
  if (cancelled.delete(request.id)) {
    if ('picture' in request && request.picture.kind === 'bitmap') {
      request.picture.bitmap.close();
    }
    send({ type: 'cancelled', id: request.id });
    return;
  }
  try {
    send(await answer(request));
  } catch (error) {
    send({ type: 'failed', id: request.id, error: toPlain(error) });
  } finally {
    cancelled.delete(request.id);
  }
}

function answer(request: Exclude<Request, { type: 'cancel' }>): Promise<Reply> {
  switch (request.type) {
    case 'create':
      return create(request);
    case 'classify':
      return classify(request);
    case 'explain':
      return explain(request);
    case 'embed':
      return embed(request);
    case 'teach':
      return learn(request);
    case 'use':
      return use(request);
    case 'write':
      return write(request);
  }
}

async function embed({ id, picture }: Request & { type: 'embed' }): Promise<Reply> {
  const engine = loaded();
  const result = await engine.embed(await readPixels(picture));
  return { type: 'embedded', id, result, info: changed(engine) };
}

async function learn({ id, ...what }: Request & { type: 'teach' }): Promise<Reply> {
  const taught = await teach(what, {
    isCancelled: () => cancelled.has(id),
    step: (step) => send({ type: 'step', id, step }),
  });
  return taught ? { type: 'taught', id, ...taught } : { type: 'cancelled', id };
}

async function use({ id, head }: Request & { type: 'use' }): Promise<Reply> {
  const engine = loaded();
  engine.use(head);
  return { type: 'used', id, info: engine.info };
}

async function write({ id, head }: Request & { type: 'write' }): Promise<Reply> {
  return { type: 'written', id, bytes: await fileOf(await loaded().bytes(), head) };
}

async function create({ id, ...what }: Request & { type: 'create' }): Promise<Reply> {
  engine = await Engine.create(what, (progress) => send({ type: 'progress', progress }));
  const { info } = engine;
  toldReason = info.reason;
  return { type: 'created', id, info };
}

async function classify({ id, picture, topK }: Request & { type: 'classify' }): Promise<Reply> {
  const engine = loaded();
  const begin = performance.now();
  const pixels = await readPixels(picture);
  const decode = performance.now() - begin;
  const { predictions, known = true, timings } = await engine.classify(pixels, topK);
  const total = performance.now() - begin;
  const { backend } = engine.info;
  const result = { predictions, known, backend, timings: { decode, ...timings, total } };
  return { type: 'classified', id, result, info: changed(engine) };
}

async function explain({ id, picture, index }: Request & { type: 'explain' }): Promise<Reply> {
  const engine = loaded();
  const result = await engine.explain(await readPixels(picture), index);
  return { type: 'explained', id, result, info: changed(engine) };
}

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

function send(reply: Reply): void {
  port.postMessage(reply);
}

send({ type: 'started' });
