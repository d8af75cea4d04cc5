#!/usr/bin/env bash
# Builds, serves and tests everything; sets up what a machine with Rust and Node lacks.
#
#   ./build.sh                    the WebAssembly modules, the npm package and the page
#   ./build.sh dev                the same, built fast instead of small
#   ./build.sh serve [--port N]   build what is stale, then serve the page (8080)
#   ./build.sh test               every check and every test, cheapest first
#   ./build.sh bench [OPTIONS]   the browser benchmark, peers included: tests/bench/README.md
#   ./build.sh train [OPTIONS]    a model like that of drawings, from nothing to runs/drawings/drawings.safetensors
set -euo pipefail
cd "$(dirname "$0")"

readonly WASM=wasm32-unknown-unknown
readonly TOOLS="$PWD/target/tools"
# What every browser of the last three years has, and relaxed SIMD and threads, which only their own modules use;
# wasm-opt must be told the same list as rustc assumes.
readonly WASM_FEATURES=(--enable-simd --enable-relaxed-simd --enable-threads --enable-bulk-memory --enable-bulk-memory-opt --enable-call-indirect-overlong
  --enable-nontrapping-float-to-int --enable-sign-ext --enable-mutable-globals --enable-reference-types --enable-multivalue)

say() { printf '\n== %s\n' "$*" >&2; }

need() {
  command -v "$1" >/dev/null || { echo "$1 is missing; install $2 and run this again" >&2; exit 1; }
}

node_modules() {
  need npm "Node 20 or later"
  [ www/node_modules/.package-lock.json -nt www/package-lock.json ] || { say "npm packages"; npm ci --prefix www; }
}

wasm_tools() {
  need cargo "Rust (rustup.rs)"
  [ -d "$(rustc --print target-libdir --target $WASM)" ] || rustup target add $WASM
  [ -d "$(rustc --print sysroot)/lib/rustlib/src/rust/library" ] || rustup component add rust-src
  local version
  version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)
  if [ "$("$TOOLS/bin/wasm-bindgen" --version 2>/dev/null)" != "wasm-bindgen $version" ]; then
    say "wasm-bindgen $version"
    cargo install wasm-bindgen-cli --version "$version" --root "$TOOLS"
  fi
}

# Memory that threads share must say how large it can get: the whole family fits, twice.
readonly SHARED_MEMORY="-C link-arg=--shared-memory -C link-arg=--import-memory -C link-arg=--max-memory=1073741824
  -C link-arg=--export=__wasm_init_tls -C link-arg=--export=__tls_size -C link-arg=--export=__tls_align -C link-arg=--export=__tls_base"

# newer_than FILE: a source of the WebAssembly modules that was changed since, if there is one.
newer_than() {
  find src Cargo.toml Cargo.lock build.sh \( -path src/train -o -path src/bin \) -prune -o -type f -newer "$1" -print -quit
}

# wasm_module NAME FEATURES PROFILE: one WebAssembly module into www/pkg/NAME.
wasm_module() {
  local name=$1 features=$2 profile=$3 raw
  local built=www/pkg/$name/$profile.built
  # Cargo keeps one module at a time: it would compile each of them anew, having compiled another.
  if [ "$(cat "$built" 2>/dev/null)" = "$(rustc --version)" ] && [ -z "$(newer_than "$built")" ]; then return; fi
  say "WebAssembly module $name ($profile)"
  # Dated before the build: what is edited meanwhile is newer.
  mkdir -p target
  rustc --version >target/begun
  if [[ "$name" = threads* ]]; then
    # Threads need a standard library with atomics, which is not shipped: it is built along.
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="-C target-feature=+simd128,+atomics,+bulk-memory,+mutable-globals $SHARED_MEMORY" \
      cargo rustc --lib --crate-type cdylib --profile "$profile" --target $WASM --no-default-features \
      --features "$features" --target-dir target/threads -Zbuild-std=std,panic_abort
    raw=target/threads/$WASM/$profile/xception_web.wasm
  else
    RUSTFLAGS="-C target-feature=+simd128" \
      cargo rustc --lib --crate-type cdylib --profile "$profile" --target $WASM --no-default-features --features "$features"
    raw=target/$WASM/$profile/xception_web.wasm
  fi
  # Nothing changed since: keep what wasm-bindgen and wasm-opt made of it.
  if [ -f "www/pkg/$name/source.wasm" ] && cmp -s "$raw" "www/pkg/$name/source.wasm"; then
    mv target/begun "$built"
    return
  fi
  rm -rf "www/pkg/$name"
  "$TOOLS/bin/wasm-bindgen" --target web --out-dir "www/pkg/$name" "$raw"
  if [ "$profile" = wasm ]; then
    # More thorough passes take minutes longer, and what they leave compresses worse.
    www/node_modules/.bin/wasm-opt -O1 "${WASM_FEATURES[@]}" -o "www/pkg/$name/opt.wasm" "www/pkg/$name/xception_web_bg.wasm"
    mv "www/pkg/$name/opt.wasm" "www/pkg/$name/xception_web_bg.wasm"
  fi
  cp "$raw" "www/pkg/$name/source.wasm"
  mv target/begun "$built"
}

build() {
  local profile=$1
  node_modules
  wasm_tools
  wasm_module cpu cpu "$profile"
  # The same for browsers with fused multiply-add: only this crate is compiled again.
  wasm_module relaxed cpu,relaxed-simd "$profile"
  wasm_module threads cpu,relaxed-simd "$profile"
  # Threads for browsers without fused multiply-add.
  wasm_module threads-simd128 cpu "$profile"
  wasm_module ndarray ndarray "$profile"
  # Reads Keras's HDF5 for all the others, which are half as large without.
  wasm_module keras cpu,keras "$profile"
  # The WebGPU module holds the CPU backend too: the GPU must first give its answer to a known picture.
  wasm_module webgpu webgpu,cpu "$profile"
  say "package and page"
  npm run --prefix www build
}

# kernel_tests COMMAND...: a Cargo command on the kernels' tests for WebAssembly, once per build.
kernel_tests() {
  local build flags features
  for build in portable simd128 relaxed-simd; do
    flags="-C target-feature=+simd128" features=""
    case $build in
      portable) flags="" ;; # The kernels of any processor, which run nowhere else where there is AVX2.
      relaxed-simd) features=relaxed-simd ;;
    esac
    RUSTFLAGS=$flags cargo "$1" --manifest-path tests/wasm/Cargo.toml --release --target $WASM \
      --features "$features" --target-dir target/kernel-tests "${@:2}"
    if [ "$1" = build ]; then
      cp target/kernel-tests/$WASM/release/kernel_tests.wasm "target/kernel-tests/$build.wasm"
    fi
  done
}

icons() {
  [ src/train/icons/node_modules/.package-lock.json -nt src/train/icons/package-lock.json ] || npm ci --prefix src/train/icons
}

tests() {
  node_modules
  wasm_tools
  say "formatting and types"
  cargo fmt --check
  cargo fmt --check --manifest-path tests/wasm/Cargo.toml
  npm run --prefix www check
  say "lints"
  icons
  cargo clippy --release --all-targets -- -D warnings
  kernel_tests clippy -- -D warnings
  say "native tests"
  cargo test --release
  build wasm
  say "browser tests"
  kernel_tests build
  npm run --prefix www test:browser
  npm run --prefix www test:package
}

case "${1:-build}" in
  build) build wasm ;;
  dev) build wasm-dev ;;
  serve) shift; build wasm; exec node www/serve.mjs "$@" ;;
  test) tests ;;
  bench) shift; build wasm; exec node tests/bench/run.mjs "$@" ;;
  train) shift; icons; exec cargo run --release --bin xception -- train "$@" ;;
  *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
