#!/usr/bin/env bash
# Builds, serves and tests everything; sets up what a machine with Rust and Node lacks.
#
#   ./build.sh                    the WebAssembly modules, the npm package, the page and the package's reference
#   ./build.sh dev                the same, built fast instead of small
#   ./build.sh serve [--port N]   build what the page needs and serve it (8080); build the rest meanwhile
#   ./build.sh test               every check and every test, cheapest first
#   ./build.sh bench [OPTIONS]   the browser benchmark, peers included: tests/bench/README.md
#   ./build.sh profile [OPTIONS]  the functions that a picture's time goes to, inside WebAssembly
#   ./build.sh train [OPTIONS]    a model like that of drawings, from nothing to runs/drawings/drawings.safetensors
set -euo pipefail
cd "$(dirname "$0")"

readonly WASM=wasm32-unknown-unknown
readonly TOOLS="$PWD/target/tools"
# What every browser of the last three years has, and relaxed SIMD and threads, which only their own modules use;
# wasm-opt must be told the same list as rustc assumes.
readonly WASM_FEATURES=(--enable-simd --enable-relaxed-simd --enable-threads --enable-bulk-memory --enable-bulk-memory-opt --enable-call-indirect-overlong
  --enable-nontrapping-float-to-int --enable-sign-ext --enable-mutable-globals --enable-reference-types --enable-multivalue)

# Every module; the pages of this machine run on the first of them, and begin with those alone.
if [ "$(getconf _NPROCESSORS_ONLN)" -gt 1 ]; then
  readonly FIRST="threads threads-simd128" REST="cpu relaxed keras teach ndarray webgpu"
else
  readonly FIRST="cpu relaxed" REST="threads threads-simd128 keras teach ndarray webgpu"
fi

# What is built behind a page says there what it says.
readonly BEHIND=target/behind.log
# Where it is told what is done: standard error, or, where that goes to a file, what it was before.
TELL=2
say() { printf '\n== %s\n' "$*" >&"$TELL"; }

# What was done and the seconds that it took, a line each; and what is being done.
TOOK="" STEP=""

# step WHAT USUALLY COMMAND...: says how long it usually takes on two cores, and notes how long it took.
step() {
  local what=$1 usually=$2 begin=$SECONDS
  shift 2
  say "$what (usually $usually)"
  STEP=$what
  "$@"
  STEP=""
  TOOK+=$(printf '%6d s  %s' $((SECONDS - begin)) "$what")$'\n'
}

# What each step took, and all of them.
table() {
  say "seconds by step${STEP:+, but for \"$STEP\", which failed}"
  printf '%s%6d s  in all\n' "$TOOK" "$SECONDS" >&2
}

need() {
  command -v "$1" >/dev/null || { echo "$1 is missing; install $2 and run this again" >&2; exit 1; }
}

node_modules() {
  need npm "Node 20 or later"
  [ www/node_modules/.package-lock.json -nt www/package-lock.json ] || step "npm packages" "10 s" npm ci --prefix www
}

wasm_tools() {
  need cargo "Rust (rustup.rs)"
  [ -d "$(rustc --print target-libdir --target $WASM)" ] || rustup target add $WASM
  [ -d "$(rustc --print sysroot)/lib/rustlib/src/rust/library" ] || rustup component add rust-src
  local version
  version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)
  if [ "$("$TOOLS/bin/wasm-bindgen" --version 2>/dev/null)" != "wasm-bindgen $version" ]; then
    step "wasm-bindgen $version" "2 min, once" cargo install wasm-bindgen-cli --version "$version" --root "$TOOLS"
  fi
}

# Memory that threads share must say how large it can get: the whole family fits, twice.
readonly SHARED_MEMORY="-C link-arg=--shared-memory -C link-arg=--import-memory -C link-arg=--max-memory=1073741824
  -C link-arg=--export=__wasm_init_tls -C link-arg=--export=__tls_size -C link-arg=--export=__tls_align -C link-arg=--export=__tls_base"

# is_built NAME PROFILE: whether a module is there, of these sources and this compiler.
is_built() {
  local built=www/pkg/$1/$2.built sources=www/pkg/$1/sources file
  [ "$(cat "$built" 2>/dev/null)" = "$(rustc --version)" ] && [ -f "$sources" ] || return 1
  while read -r file; do
    [ -e "$file" ] && [ ! "$file" -nt "$built" ] || return 1
  done <"$sources"
}

# sources MODULE.d: what a module was made of, a line each, by Cargo's word, and the manifests beside that.
sources() {
  local file
  printf '%s\n' build.sh Cargo.toml Cargo.lock
  sed '1!d; s/^.*\.wasm: //; s/\\ /\x1/g; s/ /\n/g; s/\x1/ /g' "$1" | while read -r file; do
    echo "$file"
    if [ -f "${file%/*}/Cargo.toml" ]; then echo "${file%/*}/Cargo.toml"; fi
  done | sort -u
}

# module NAME PROFILE: one WebAssembly module into www/pkg/NAME, if it is stale.
# Cargo keeps one module at a time: it would compile each of them anew, having compiled another.
module() {
  local name=$1 profile=$2 package=xception-web features usually
  if is_built "$name" "$profile"; then return; fi
  case $name in
    cpu) features=session,cpu usually="3 min from nothing, half a minute after an edit" ;;
    # The same for browsers with fused multiply-add: only the kernels and what uses them are compiled again.
    relaxed) features=session,cpu,relaxed-simd usually="half a minute" ;;
    threads) features=session,cpu,relaxed-simd usually="4 min from nothing, half a minute after an edit" ;;
    # Threads for browsers without fused multiply-add.
    threads-simd128) features=session,cpu usually="half a minute" ;;
    ndarray) features=session,ndarray usually="3 min from nothing, half a minute after an edit" ;;
    # Reads Keras's HDF5 for all the others, which are half as large without.
    keras) package=xception-keras features="" usually="1 min from nothing, half a minute after an edit" ;;
    # Teaches other classes, and writes the file of them: fetched when somebody does.
    teach) package=xception-teach features="" usually="half a minute" ;;
    # It holds the CPU backend too: the GPU must first give its answer to a known picture.
    webgpu) features=session,webgpu,cpu usually="6 min from nothing, 2 min after an edit" ;;
  esac
  step "WebAssembly module $name ($profile)" "$usually" wasm_module "$name" "$package" "$features" "$profile"
}

wasm_module() {
  local name=$1 package=$2 features=$3 profile=$4 raw
  local built=www/pkg/$name/$profile.built
  # Dated before the build: what is edited meanwhile is newer.
  mkdir -p target
  rustc --version >target/begun
  local options=(--package "$package" --lib --crate-type cdylib --profile "$profile" --target $WASM --no-default-features
    --features "$features")
  # It computes nothing: its code is for size, as that of all libraries.
  if [ "$name" = keras ]; then options+=(--config 'profile.wasm.opt-level="s"'); fi
  if [[ "$name" = threads* ]]; then
    # Threads need a standard library with atomics, which is not shipped: it is built along.
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="-C target-feature=+simd128,+atomics,+bulk-memory,+mutable-globals $SHARED_MEMORY" \
      cargo rustc "${options[@]}" --target-dir target/threads -Zbuild-std=std,panic_abort
    raw=target/threads/$WASM/$profile/${package//-/_}
  else
    RUSTFLAGS="-C target-feature=+simd128" cargo rustc "${options[@]}"
    raw=target/$WASM/$profile/${package//-/_}
  fi
  # Nothing changed since: keep what wasm-bindgen and wasm-opt made of it.
  if [ -f "www/pkg/$name/source.wasm" ] && cmp -s "$raw.wasm" "www/pkg/$name/source.wasm"; then
    sources "$raw.d" >"www/pkg/$name/sources"
    mv target/begun "$built"
    return
  fi
  rm -rf "www/pkg/$name"
  "$TOOLS/bin/wasm-bindgen" --target web --out-dir "www/pkg/$name" --out-name xception_web "$raw.wasm"
  if [ "$profile" != wasm-dev ]; then
    local names=()
    if [ "$profile" = wasm-named ]; then names=(--debuginfo); fi
    # More thorough passes take minutes longer, and what they leave compresses worse.
    www/node_modules/.bin/wasm-opt -O1 "${names[@]}" "${WASM_FEATURES[@]}" -o "www/pkg/$name/opt.wasm" "www/pkg/$name/xception_web_bg.wasm"
    mv "www/pkg/$name/opt.wasm" "www/pkg/$name/xception_web_bg.wasm"
  fi
  cp "$raw.wasm" "www/pkg/$name/source.wasm"
  sources "$raw.d" >"www/pkg/$name/sources"
  mv target/begun "$built"
}

# page [OPTIONS]: the package, and the page that uses it.
page() { step "package and page" "10 s" npm run --silent --prefix www build -- "$@"; }

# The package's reference, made of its types, beside the page: at /api/.
api() { step "reference" "5 s, once 30" npm run --silent --prefix www api; }

# build PROFILE: all of it.
build() {
  local name
  node_modules
  wasm_tools
  for name in $FIRST $REST; do module "$name" "$1"; done
  page
}

# modules_there: those that are built, with commas between.
modules_there() {
  local name there=""
  for name in $FIRST $REST; do
    if is_built "$name" wasm; then there+=,$name; fi
  done
  echo "${there#,}"
}

# serve [--port N]: serves the page as soon as it runs.
serve() {
  local name all=$FIRST
  node_modules
  wasm_tools
  for name in $FIRST; do module "$name" wasm; done
  for name in $REST; do is_built "$name" wasm || all=""; done
  if [ -n "$all" ]; then
    page
    exec node www/serve.mjs "$@"
  fi
  page --modules "$(modules_there)"
  # Each in a process group of its own, which ends with all that it started.
  set -m
  node www/serve.mjs "$@" &
  SERVER=$!
  rest 3>&2 >$BEHIND 2>&1 &
  MEANWHILE=$!
  set +m
  trap 'kill -- -$SERVER -$MEANWHILE 2>/dev/null || true' EXIT
  trap 'exit 130' INT
  trap 'exit 143' HUP TERM
  wait $SERVER
}

# rest: what the page can do without, while it is served.
rest() {
  local name
  TELL=3
  trap '[ $? = 0 ] || say "not everything could be built, see $BEHIND; the page goes on with what it has"' EXIT
  trap 'trap - EXIT; exit 143' TERM
  for name in $REST; do
    if is_built "$name" wasm; then continue; fi
    module "$name" wasm
    page --served --modules "$(modules_there)"
    say "$name is there: reload the page to use it"
  done
  say "everything is there"
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
    RUSTFLAGS=$flags cargo "$1" --package kernel-tests --release --target $WASM \
      --features "$features" --target-dir target/kernel-tests "${@:2}"
    if [ "$1" = build ]; then
      cp target/kernel-tests/$WASM/release/kernel_tests.wasm "target/kernel-tests/$build.wasm"
    fi
  done
}

icons() {
  [ src/train/icons/node_modules/.package-lock.json -nt src/train/icons/package-lock.json ] ||
    step "icon sets" "10 s" npm ci --prefix src/train/icons
}

formatting() {
  cargo fmt --all --check
  npm run --silent --prefix www check
}

# documentation FEATURES: every link leads somewhere.
documentation() {
  RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps --features "$1" --quiet
}

# The binary that people build first. It has neither of the two, and says so; not optimised, which takes half the time.
without_gpu() { cargo test --test cli a_binary_without; }

browser_tests() {
  kernel_tests build
  npm run --silent --prefix www test:browser
}

tests() {
  local all=webgpu,ndarray
  trap table EXIT
  node_modules
  wasm_tools
  step "formatting and types" "15 s" formatting
  icons
  step "lints" "6 min from nothing" cargo clippy --release --workspace --all-targets --features $all -- -D warnings
  step "documentation" "20 s" documentation $all
  step "lints of the kernels in WebAssembly" "5 s" kernel_tests clippy -- -D warnings
  step "command line without a GPU" "3 min from nothing" without_gpu
  step "native tests" "20 min from nothing" cargo test --release --features $all
  build wasm
  step "browser tests" "10 to 13 min" browser_tests
  step "three engines" "1 min" npm run --silent --prefix www test:engines
  step "package tests" "2 min" npm run --silent --prefix www test:package
}

case "${1:-build}" in
  build) build wasm; api ;;
  dev) build wasm-dev ;;
  serve) shift; serve "$@" ;;
  test) tests ;;
  profile)
    shift
    node_modules
    wasm_tools
    module cpu wasm-named
    exec node tests/bench/profile.mjs "$@"
    ;;
  bench) shift; build wasm; exec node tests/bench/run.mjs "$@" ;;
  train) shift; icons; exec cargo run --release --bin xception -- train "$@" ;;
  *) sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
