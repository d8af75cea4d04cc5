// What the worker knows of WebGPU besides computing on it: whether a real adapter answers, and
// whether a device has failed.

import { clause } from './cause.js';
import { BackendError } from './errors.js';
import { hook } from './hook.js';
import type { AdapterInfo } from './options.js';
import { ending } from './port.js';
import { settle } from './settle.js';

/** Adapters that compute on the CPU and do not always say so. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render|software/i;

export type Probe = { adapter: AdapterInfo } | { adapter?: undefined; missing: string };

/** Asks for an adapter: `navigator.gpu` alone promises nothing. */
export async function probe(): Promise<Probe> {
  if (!navigator.gpu) return { missing: 'this browser offers no WebGPU here' };
  try {
    const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) return { missing: 'the browser found no WebGPU adapter' };
    return { adapter: describe(adapter.info) };
  } catch (error) {
    return { missing: `asking for a WebGPU adapter failed (${clause(error)})` };
  }
}

export function nameOf(adapter: AdapterInfo): string {
  const parts = [adapter.description || adapter.vendor, adapter.architecture];
  return parts.filter(Boolean).join(', ') || 'unnamed adapter';
}

function describe(info: GPUAdapterInfo): AdapterInfo {
  const { vendor, architecture, device, description } = info;
  const software =
    info.isFallbackAdapter || SOFTWARE.test([vendor, architecture, description].join(' '));
  return { vendor, architecture, device, description, software };
}

/**
 * Notices failures that the runtime above does not report: on the GPU it only logs a shader that
 * fails validation, skips the dispatch and answers with stale data; and a panic anywhere in
 * WebAssembly leaves its caller's promise pending for ever. Must exist before the first device is
 * requested.
 */
export class Watch {
  #failure: Error | undefined;
  #wake: (failure: Error) => void = () => {};
  #gpu = true;
  /** The address of a module that runs no more. */
  #left = '';
  #guarding = 0;
  #devices: GPUDevice[] = [];
  /** Whether the device went away, which another might not. */
  lost = false;

  constructor() {
    this.#watchDevices();
    const until = { signal: ending };
    self.addEventListener('error', (event) => this.#trap(event, event.error), until);
    self.addEventListener('unhandledrejection', (event) => this.#trap(event, event.reason), until);
    ending?.addEventListener('abort', () => void this.leaveGpu());
  }

  /** Runs `work`; rejects as soon as, or if by its end, something has failed. */
  async guard<T>(work: () => Promise<T>): Promise<T> {
    if (this.#failure) throw this.#failure;
    const failed = new Promise<never>((_, reject) => (this.#wake = reject));
    this.#guarding++;
    try {
      const result = await Promise.race([work(), failed]);
      await (this.#gpu ? lull() : settle());
      if (this.#failure) throw this.#failure;
      return result;
    } finally {
      this.#guarding--;
    }
  }

  /**
   * From here on the GPU no longer counts, nor what has failed so far, nor its module at `url`, or
   * where it was before. Its memory is let go of.
   */
  async leaveGpu(url = this.#left): Promise<void> {
    await lull();
    this.#gpu = false;
    this.#left = url;
    this.#failure = undefined;
    for (const device of this.#devices) device.destroy();
    this.#devices = [];
  }

  #fail(message: string): void {
    this.#failure ??= new BackendError(message);
    this.#wake(this.#failure);
  }

  #lose(message: string): void {
    this.lost ||= this.#gpu;
    this.failGpu(`the GPU device was lost (${message})`);
  }

  /** What a GPU says counts again, and so do all traps. */
  enterGpu(): void {
    this.#gpu = true;
    this.#failure = undefined;
    this.lost = false;
  }

  /** The GPU has failed, unless it is left already. */
  failGpu(message: string): void {
    // The rest of such a message is the chain of calls that led there.
    if (this.#gpu) this.#fail(message.split('\n', 1)[0] ?? message);
  }

  #trap(event: Event, reason: unknown): void {
    if (!(reason instanceof WebAssembly.RuntimeError)) return;
    // A page has other modules than this.
    if (ending && this.#guarding === 0) return;
    event.preventDefault(); // It is told of, in a sentence; the page need not see it a hundred times.
    // What the GPU's module still had to do may fail long after the CPU has taken over. Some browsers
    // do not say which module a trap is from; the CPU's can come only while it works.
    const late = this.#guarding === 0 || reason.stack?.includes(this.#left);
    if (this.#gpu || !this.#left || !late) {
      this.#fail(`the WebAssembly module stopped: ${clause(reason)}`);
    }
  }

  #watchDevices(): void {
    if (typeof GPUAdapter === 'undefined') return;
    const fail = (message: string) => this.failGpu(message);
    const take = (device: GPUDevice) => {
      this.#devices.push(device);
      device.addEventListener('uncapturederror', ({ error }) => fail(error.message));
      void device.lost.then(({ message }) => this.#lose(message));
    };
    hook(GPUAdapter.prototype, 'requestDevice', (inner) => {
      return async function (this: GPUAdapter, descriptor) {
        const device = await inner().call(this, descriptor);
        take(device);
        const popErrorScope = device.popErrorScope;
        device.popErrorScope = async function () {
          const error = await popErrorScope.call(this);
          if (error) fail(error.message);
          return error;
        };
        return device;
      };
    });
  }
}

/** Lets in what the GPU has to say, which comes from another process. */
function lull(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
