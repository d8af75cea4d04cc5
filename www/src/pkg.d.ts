// The contract with the generated WebAssembly modules: `npm run check` holds their use against it,
// whether they are built or not. A build holds it against the modules' own declarations.

declare module '#pkg/*' {
  interface Init {
    (options: {
      module_or_path: URL | Response | BufferSource | WebAssembly.Module | Promise<Response>;
      memory?: WebAssembly.Memory;
    }): Promise<{ memory: WebAssembly.Memory }>;
  }
  const init: Init;
  export default init;

  /** In the modules for the CPU only. */
  export function warmUp(): void;

  /** In the module for WebGPU only. */
  export function rehearse(): Promise<void>;

  /** In the modules with threads only. */
  export function work(): void;
  export function workFailed(): void;
  export function threads(): number;

  /** In the module for Keras files only. */
  export class KerasFile {
    constructor(bytes: Uint8Array);
    contents(): string;
    read(path: string): Float32Array;
    free(): void;
  }

  /** The rest in the module for teaching only. */
  export class Lesson {
    constructor(features: Float32Array, classes: string, validation: number);
    step(): string;
    finish(title?: string): string;
    free(): void;
  }
  export function write(model: Uint8Array, head: string): Uint8Array;
  export function writeFromKeras(file: KerasFile, head: string): Uint8Array;

  export class Session {
    private constructor();
    static create(
      model: Uint8Array,
      backend: string,
      precision: string,
      input: { size?: number; crop?: string; mean?: number[]; std?: number[]; config?: string },
    ): Promise<Session>;
    static createFromKeras(
      file: KerasFile,
      backend: string,
      precision: string,
      input: { size?: number; crop?: string; mean?: number[]; std?: number[]; config?: string },
    ): Promise<Session>;
    explain(rgba: Uint8Array, width: number, height: number, index?: number): Promise<unknown>;
    embed(rgba: Uint8Array, width: number, height: number): Promise<Float32Array>;
    useHead(weight: Float32Array, bias: Float32Array, labels: string): void;
    prepare(rgba: Uint8Array, width: number, height: number): Float32Array;
    run(inputs: Float32Array, count: number, topK: number): Promise<unknown[]>;
    setCrop(crop?: string): void;
    info(): unknown;
    /** In the module for WebGPU only. */
    prove?(): Promise<void>;
    setLabels(json: string): void;
    free(): void;
  }
}
