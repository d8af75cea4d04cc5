// Which backend is to run, and why.

import { nameOf, probe } from './gpu.js';
import type { AdapterInfo, Backend, Speeds } from './options.js';
import type { Creation } from './protocol.js';
import { keyOf, recallSpeeds } from './speeds.js';
import { possibleThreads } from './wasm.js';

export interface Choice {
  backend: Backend;
  reason: string;
  adapter?: AdapterInfo;
  /** Milliseconds a picture, where both were tried. */
  speeds?: Speeds;
  /** Where the GPU has to prove faster than the CPU first: under what to keep that. */
  contest?: string;
}

export async function choose(want: Creation): Promise<Choice> {
  const requested = want.backend;
  if (requested === 'cpu' || requested === 'ndarray') {
    return { backend: requested, reason: `The ${requested} backend was asked for by name.` };
  }
  const found = await probe();
  const asked = requested === 'webgpu' ? 'WebGPU was asked for by name' : undefined;
  if (!found.adapter) {
    const reason = asked ? `${asked}, but ${found.missing}` : capital(found.missing);
    return { backend: 'cpu', reason: `${reason}; running on the CPU.` };
  }
  const { adapter } = found;
  if (asked) {
    return { backend: 'webgpu', reason: `${asked}; adapter: ${nameOf(adapter)}.`, adapter };
  }
  if (adapter.software) {
    const reason = `The only WebGPU adapter is a software one (${nameOf(adapter)}), slower than the CPU backend; running on the CPU.`;
    return { backend: 'cpu', reason, adapter };
  }
  const contest = await keyOf(adapter, want, possibleThreads(want.threads));
  const speeds = await recallSpeeds(contest);
  if (speeds) return faster(adapter, speeds);
  return { backend: 'webgpu', reason: `A GPU answered: ${nameOf(adapter)}.`, adapter, contest };
}

/** The backend that takes less time for a picture. */
export function faster(adapter: AdapterInfo, speeds: Speeds): Choice {
  const took = (ms: number) => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms a picture`;
  const gpu = `the GPU (${nameOf(adapter)}) takes ${took(speeds.webgpu)} of this model`;
  const cpu = `the CPU ${took(speeds.cpu)}`;
  return speeds.webgpu <= speeds.cpu
    ? { backend: 'webgpu', reason: `${capital(gpu)}, ${cpu}.`, adapter, speeds }
    : { backend: 'cpu', reason: `${capital(gpu)}, ${cpu}; running on the CPU.`, adapter, speeds };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
