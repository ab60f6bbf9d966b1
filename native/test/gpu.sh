#!/usr/bin/env bash
# Builds, checks and times the CUDA engine on a machine that has a GPU, in this
# order; the first failure ends it, but for the sanitizers, which are all run.
#
#   native/test/gpu.sh [all|check|bench]
#
# Logs go to $OUT, or to native/build-gpu/report. ARCHITECTURES says what to
# compile for; by itself it is what the GPU is.
set -u
cd "$(dirname "$0")/.."
what=${1:-all}
out=${OUT:-build-gpu/report}
mkdir -p "$out"
build=build-gpu
failed=0

nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader | tee "$out/machine.txt"
nvcc --version | tail -2 | tee -a "$out/machine.txt"
lscpu | grep -E 'Model name|^CPU\(s\)' | tee -a "$out/machine.txt"
capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d .)
architectures=${ARCHITECTURES:-$capability-real}

cmake -S . -B $build -DCMAKE_BUILD_TYPE=Release -DLKSTREAM_CUDA=ON \
  -DLKSTREAM_CUDA_ARCHITECTURES="$architectures" >"$out/build.log" 2>&1 &&
  cmake --build $build --parallel "$(nproc)" --target lkstream cuda_test cuda_failure_test luma_cuda_test cuda_bench >>"$out/build.log" 2>&1 ||
  { tail -40 "$out/build.log"; exit 1; }

if [ "$what" != bench ]; then
  echo "== cuda_test"
  timeout 200 $build/cuda_test 2>&1 | tee "$out/cuda_test.log" | tail -30
  [ "${PIPESTATUS[0]}" = 0 ] || exit 1
  timeout 200 $build/luma_cuda_test --mutations "${MUTATIONS:-100000}" 2>&1 | tee "$out/luma_cuda_test.log"
  [ "${PIPESTATUS[0]}" = 0 ] || exit 1
  timeout 60 $build/cuda_failure_test 2>&1 | tee "$out/cuda_failure_test.log"
  [ "${PIPESTATUS[0]}" = 0 ] || exit 1
fi
if [ "$what" != check ]; then
  echo "== cuda_bench"
  timeout 150 $build/cuda_bench 2>&1 | tee "$out/cuda_bench.log"
  [ "${PIPESTATUS[0]}" = 0 ] || failed=1
  if command -v ncu >/dev/null; then
    timeout 100 ncu --clock-control none --cache-control none --section SpeedOfLight --section Occupancy --section LaunchStats --section InstructionStats \
      --section WarpStateStats --launch-skip 12 --launch-count 14 $build/cuda_bench --profile >"$out/ncu.log" 2>&1
    grep -E '^  [a-z]|Duration|Registers Per|Executed Ipc Active|Achieved Occ|L1/TEX Cache Thr|Compute \(SM\) Thr|Issued Inst' "$out/ncu.log" | head -150
  fi
fi
if [ "$what" != bench ]; then
  for test in cuda_test luma_cuda_test; do
    for tool in memcheck racecheck initcheck synccheck; do
      start=$SECONDS
      timeout 100 compute-sanitizer --tool $tool --error-exitcode 9 $build/$test $([ $tool = racecheck ] && echo --races || echo --quick) >"$out/$test-$tool.log" 2>&1
      code=$?
      grep -q "^$test: ok" "$out/$test-$tool.log" && ! grep -q '^skipped' "$out/$test-$tool.log" || code=1
      [ $code = 0 ] || { failed=1; grep -A12 '=========' "$out/$test-$tool.log" | head -40; }
      echo "== $test, $tool: exit $code, $((SECONDS - start)) s: $(tail -1 "$out/$test-$tool.log")"
    done
  done
fi
[ $failed = 0 ] && echo "all is well" || echo "FAILED"
exit $failed
