#!/usr/bin/env bash
# Builds and runs everything under native/test: plainly, with the address and
# undefined-behaviour sanitizers, and with the thread sanitizer. The fuzzers run
# for a few seconds each as part of them; FUZZ_SECONDS=1800 runs them for longer,
# with the sanitizers, in the end.
#
# Where nvcc is, the CUDA engine is compiled too, for one architecture that later
# GPUs can run; without a GPU its tests see that it says so. gpu.sh does the rest.
set -u
cd "$(dirname "$0")/.."
generator=()
command -v ninja >/dev/null && generator=(-G Ninja)
summary=()
failed=0

step() { # name, command…
  local name=$1 start=$SECONDS log
  shift
  log=$(mktemp)
  if "$@" >"$log" 2>&1; then
    summary+=("ok      $name ($((SECONDS - start)) s)")
  else
    failed=1
    summary+=("FAILED  $name ($((SECONDS - start)) s)")
    cat "$log"
  fi
  rm -f "$log"
  [[ ${summary[-1]} == ok* ]]
}

for preset in release asan tsan; do
  dir=build-$preset
  [ "$preset" = release ] && dir=build
  step "$preset: configure" cmake --preset "$preset" "${generator[@]}" -DLKSTREAM_CUDA_ARCHITECTURES=75 &&
    step "$preset: build" cmake --build "$dir" --parallel 2 &&
    step "$preset: tests" ctest --test-dir "$dir" --output-on-failure
done

if [ -n "${FUZZ_SECONDS:-}" ]; then
  for fuzzer in fuzz_jpeg fuzz_sequence; do
    step "asan: $fuzzer for $FUZZ_SECONDS s" "build-asan/test/$fuzzer" --seconds "$FUZZ_SECONDS" --seed "$RANDOM"
  done
fi

printf '%s\n' "${summary[@]}"
exit $failed
