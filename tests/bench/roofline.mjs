// The ceiling: multiply-adds on registers alone, as WebAssembly. No kernel can be faster.

/** Independent sums: enough to hide the latency of one. */
const SUMS = 12;
/** f32 numbers that one round multiplies and adds. */
export const LANES = 4 * SUMS;

const KINDS = {
  muladd: (sum) => `(f32x4.add (f32x4.mul ${sum} (local.get $x)) (local.get $y))`,
  madd: (sum) => `(f32x4.relaxed_madd ${sum} (local.get $x) (local.get $y))`,
};

/** `run(rounds)` for both kinds, as bytes: [name, Uint8Array]. */
export function modules(binaryen) {
  const sums = Array.from({ length: SUMS }, (_, i) => `$s${i}`);
  return Object.entries(KINDS).map(([kind, step]) => {
    const locals = [...sums, '$x', '$y'].map((name) => `(local ${name} v128)`).join(' ');
    const steps = sums.map((sum) => `(local.set ${sum} ${step(`(local.get ${sum})`)})`).join('\n');
    const total = sums.reduce(
      (all, sum) => `(f32x4.add ${all} (local.get ${sum}))`,
      '(local.get $x)',
    );
    const module =
      binaryen.parseText(`(module (func (export "run") (param $n i32) (result f32) ${locals}
      (local.set $x (f32x4.splat (f32.const 0.9999999)))
      (local.set $y (f32x4.splat (f32.const 1e-7)))
      (loop $again ${steps}
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (f32x4.extract_lane 0 ${total})))`);
    module.setFeatures(binaryen.Features.All);
    const bytes = module.emitBinary();
    module.dispose();
    return [kind, bytes];
  });
}
