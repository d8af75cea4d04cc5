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
    const reply = await answer(request);
    send(reply, buffersOf(reply));
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
    case 'prepare':
      return prepare(request);
    case 'run':
      return run(request);
    case 'name':
      return name(request);
  }
}

async function embed({ id, picture, view }: Request & { type: 'embed' }): Promise<Reply> {
  const engine = loaded();
  const result = await engine.embed(await readPixels(picture, view), view);
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

async function classify(request: Request & { type: 'classify' }): Promise<Reply> {
  const { id, picture, view, topK } = request;
  const engine = loaded();
  const begin = performance.now();
  const pixels = await readPixels(picture, view);
  const decode = performance.now() - begin;
  const { predictions, known = true, timings } = await engine.classify(pixels, view, topK);
  const total = performance.now() - begin;
  const { backend } = engine.info;
  const result = { predictions, known, backend, timings: { decode, ...timings, total } };
  return { type: 'classified', id, result, info: changed(engine) };
}

async function explain(request: Request & { type: 'explain' }): Promise<Reply> {
  const { id, picture, view, index } = request;
  const engine = loaded();
  const result = await engine.explain(await readPixels(picture, view), view, index);
  return { type: 'explained', id, result, info: changed(engine) };
}

async function prepare({ id, picture, view }: Request & { type: 'prepare' }): Promise<Reply> {
  const engine = loaded();
  const begin = performance.now();
  const pixels = await readPixels(picture, view);
  const decoded = performance.now();
  const input = await engine.prepare(pixels, view);
  const timings = { decode: decoded - begin, preprocess: performance.now() - decoded };
  return { type: 'prepared', id, result: { input, timings }, info: changed(engine) };
}

async function run({ id, inputs, count, topK }: Request & { type: 'run' }): Promise<Reply> {
  const engine = loaded();
  const result = await engine.run(inputs, count, topK);
  return { type: 'ran', id, result, info: changed(engine) };
}

async function name({ id, labels }: Request & { type: 'name' }): Promise<Reply> {
  const engine = loaded();
  engine.rename(labels);
  toldReason = engine.info.reason;
  return { type: 'named', id, info: engine.info };
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

/** What is given away rather than copied: nothing here needs it afterwards. */
function buffersOf(reply: Reply): Transferable[] {
  switch (reply.type) {
    case 'prepared':
      return [reply.result.input.buffer];
    case 'written':
      return [reply.bytes.buffer];
    default:
      return [];
  }
}

function send(reply: Reply, transfer: Transferable[] = []): void {
  port.postMessage(reply, transfer);
}

send({ type: 'started' });
