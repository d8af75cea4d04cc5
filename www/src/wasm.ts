// The only file that sees the generated WebAssembly modules.

import * as cpu from '#pkg/cpu';
import * as webgpu from '#pkg/webgpu';
import { open } from './fetch.js';
import type { Backend, ModelInfo, Prediction } from './options.js';

/** A network on a backend. Calls must not overlap. */
export interface Session {
  classify(rgba: Uint8Array, width: number, height: number, topK: number): Promise<Answer>;
  info(): SessionInfo;
  /** Takes the class names from JSON; throws what is wrong with it. */
  setLabels(json: string): void;
}

/** The model, and what computes it where the module says so. */
export type SessionInfo = ModelInfo & { runtime?: string; threads?: number };

export interface Answer {
  predictions: Prediction[];
  /** Absent from a model that cannot tell. */
  known?: boolean;
  timings: { preprocess: number; inference: number };
}

export interface Runtime {
  open(model: Uint8Array, backend: Backend): Promise<Session>;
}

/** Downloads and compiles the module that holds `backend`. */
export async function loadRuntime(
  backend: Backend,
  onProgress: (loaded: number, total?: number) => void,
  _threads?: number,
): Promise<Runtime> {
  // Literal addresses, so that bundlers find the files.
  const url =
    backend === 'webgpu'
      ? new URL('./wasm/webgpu_bg.wasm', import.meta.url)
      : new URL('./wasm/cpu_bg.wasm', import.meta.url);
  const module = backend === 'webgpu' ? webgpu : cpu;
  const response = await open({ url: url.href, what: 'the WebAssembly module', onProgress });
  await module.default({ module_or_path: response });
  return {
    open: async (model, backend) => wrap(await module.Session.create(model, backend)),
  };
}

function wrap(built: cpu.Session | webgpu.Session): Session {
  const session = built as typeof built & { setLabels(json: string): void };
  return {
    setLabels: (json) => session.setLabels(json),
    classify: (...picture) => session.classify(...picture) as Promise<Answer>,
    info: () => withoutNulls(session.info() as object) as unknown as SessionInfo,
  };
}

/** What a model file does not say is absent, not null. */
function withoutNulls(facts: object): object {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== null));
}
