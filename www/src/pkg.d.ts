// The contract with the generated WebAssembly modules. Once they are built, their own
// declarations take the place of this one and the compiler holds them against its use.

declare module '#pkg/*' {
  export default function init(options: {
    module_or_path: URL | Response | BufferSource | Promise<Response>;
  }): Promise<unknown>;

  export class Session {
    private constructor();
    static create(model: Uint8Array, backend: string): Promise<Session>;
    classify(rgba: Uint8Array, width: number, height: number, topK: number): Promise<unknown>;
    info(): unknown;
    setLabels(json: string): void;
    free(): void;
  }
}
