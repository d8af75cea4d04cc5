// The contract with the generated WebAssembly modules. Once they are built, their own
// declarations take the place of this one and the compiler holds them against its use.

declare module '#pkg/*' {
  interface Init {
    (options: {
      module_or_path: URL | Response | BufferSource | WebAssembly.Module | Promise<Response>;
      memory?: WebAssembly.Memory;
    }): Promise<{ memory: WebAssembly.Memory }>;
    __wbindgen_wasm_module: WebAssembly.Module;
  }
  const init: Init;
  export default init;

  /** In the module with threads only. */
  export function work(): void;
  export function threads(): number;

  export class Session {
    private constructor();
    static create(model: Uint8Array, backend: string): Promise<Session>;
    classify(rgba: Uint8Array, width: number, height: number, topK: number): Promise<unknown>;
    info(): unknown;
    setLabels(json: string): void;
    free(): void;
  }
}
