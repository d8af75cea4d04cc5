// Shaders, compiled beside everything else. The runtime asks for its pipelines synchronously, and the
// browser's GPU process then compiles them one after the other while it should draw the page, at
// their first use. In a rehearsal each is asked for asynchronously instead: the launches of that time
// run something empty of the same layout, and all later ones what has been compiled.

import { hook } from './hook.js';

/** Does nothing, with any layout. */
const EMPTY = '@compute @workgroup_size(1) fn nothing() {}';

export class Shaders {
  readonly #compiled = new WeakMap<GPUComputePipeline, GPUComputePipeline>();
  readonly #report: (done: number, asked: number) => void;
  readonly #onFailure: (message: string) => void;
  #pending: Promise<void>[] = [];
  #rehearsing = false;
  #asked = 0;
  #done = 0;

  /** Must exist before the runtime starts. */
  constructor(report: (done: number, asked: number) => void, onFailure: (message: string) => void) {
    this.#report = report;
    this.#onFailure = onFailure;
    if (typeof GPUDevice !== 'undefined') this.#hook();
  }

  /** Runs `work`, whose answers count for nothing, until all that it asked for is compiled. */
  async rehearse<T>(work: () => Promise<T>): Promise<T> {
    this.#rehearsing = true;
    try {
      const result = await work();
      await Promise.all(this.#pending);
      return result;
    } finally {
      this.#rehearsing = false;
      this.#pending = [];
    }
  }

  #hook(): void {
    const compiled = this.#compiled;
    const isRehearsing = () => this.#rehearsing;
    const take = (device: GPUDevice, descriptor: GPUComputePipelineDescriptor) =>
      this.#take(device, descriptor);
    hook(GPUDevice.prototype, 'createComputePipeline', (inner) => {
      return function (this: GPUDevice, descriptor) {
        // A layout of the shader's own would be another for each pipeline.
        if (!isRehearsing() || descriptor.layout === 'auto') return inner().call(this, descriptor);
        const { layout } = descriptor;
        const module = this.createShaderModule({ code: EMPTY });
        const empty = inner().call(this, { layout, compute: { module } });
        take(this, descriptor).then((pipeline) => pipeline && compiled.set(empty, pipeline));
        return empty;
      };
    });
    hook(GPUComputePassEncoder.prototype, 'setPipeline', (inner) => {
      return function (this: GPUComputePassEncoder, pipeline) {
        inner().call(this, compiled.get(pipeline) ?? pipeline);
      };
    });
  }

  #take(
    device: GPUDevice,
    descriptor: GPUComputePipelineDescriptor,
  ): Promise<GPUComputePipeline | void> {
    this.#report(this.#done, ++this.#asked);
    const compiling = device.createComputePipelineAsync(descriptor).then(
      (pipeline) => {
        this.#report(++this.#done, this.#asked);
        return pipeline;
      },
      ({ message }: Error) => this.#onFailure(message),
    );
    this.#pending.push(compiling.then(() => {}));
    return compiling;
  }
}
