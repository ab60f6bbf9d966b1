// Pyramid levels: 5 × 5 Gaussian (1 4 6 4 1)² / 256, rounded, mirrored at the
// borders, every second pixel of every second row.
//
// One launch makes up to three levels. A block takes a tile of 64 × 64 pixels
// with what its coarsest pixels need around it, 85 × 85 at most, into shared
// memory and halves it there. Tiles overlap, so some pixels are computed twice
// (1.8 times the work for three levels); the work is small, a launch that waits
// for the one before is not: three of them take 3 µs more than one.
#include <algorithm>

#include "pyramid.h"

namespace lk::cuda {
namespace {

constexpr int kTile = 64;
constexpr int kThreads = 256;

struct Task {
  DeviceImage levels[kFusedLevels + 1];
};

// What a block has of level K on its way to level Count.
template <int Count, int K>
struct Tile {
  using Coarser = Tile<Count, K + 1>;
  static constexpr int own = kTile >> K;                     // pixels a side that are its own,
  static constexpr int before = 2 * Coarser::before + 2;     // those before them,
  static constexpr int side = 2 * Coarser::side + 3;         // and all
  // Rows in shared memory. Level 0 is read by words, so it starts further left.
  static constexpr int lead = K == 0 ? (4 - before % 4) % 4 : 0;
  static constexpr int pitch = K == 0 ? (side + lead + 3) & ~3 : (side + 1) & ~1;
};
template <int Count>
struct Tile<Count, Count> {
  static constexpr int own = kTile >> Count, before = 0, side = own, pitch = own;
};

// For indices that are at most 2 outside of what the image needs.
__device__ int mirrored_near(int i, int n) { return max(min(abs(i), 2 * (n - 1) - abs(i)), 0); }

// Level K + 1 of the tile from its level K.
template <int Count, int K>
__device__ void halve(const Task& task, bool inner, const uint8_t* from, uint8_t* to,
                      uint16_t* filtered) {
  using Whole = Tile<Count, K>;
  using Half = Tile<Count, K + 1>;
  const DeviceImage &source = task.levels[K], &target = task.levels[K + 1];
  const int x0 = int(blockIdx.x) * Whole::own - Whole::before;
  const int y0 = int(blockIdx.y) * Whole::own - Whole::before;
  const int half_x0 = int(blockIdx.x) * Half::own - Half::before;
  const int half_y0 = int(blockIdx.y) * Half::own - Half::before;

  // Along the rows, every second pixel.
  for (int i = int(threadIdx.x); i < Whole::side * Half::side; i += kThreads) {
    const int row = i / Half::side, column = i % Half::side;
    const uint8_t* p = from + row * Whole::pitch + Whole::lead;
    uint16_t* out = filtered + row * Half::pitch + column;
    if (inner) {
      p += 2 * column;
      *out = uint16_t(p[0] + p[4] + 4 * (p[1] + p[3]) + 6 * p[2]);
    } else {
      const int x = half_x0 + column;
      if (x < 0 || x >= target.width || y0 + row < 0 || y0 + row >= source.height) continue;
      const auto at = [&](int j) { return int(p[mirrored_near(2 * x + j, source.width) - x0]); };
      *out = uint16_t(at(-2) + at(2) + 4 * (at(-1) + at(1)) + 6 * at(0));
    }
  }
  __syncthreads();

  // Down the columns, two at a time: sums have 16 bits.
  constexpr int kPairs = Half::pitch / 2, kOwn = Half::before;
  for (int i = int(threadIdx.x); i < Half::side * kPairs; i += kThreads) {
    const int row = i / kPairs, column = i % kPairs * 2;
    const int x = half_x0 + column, y = half_y0 + row;
    if (y < 0 || y >= target.height) continue;
    const auto at = [&](int j) {
      const int source_row = (inner ? 2 * y + j : mirrored_near(2 * y + j, source.height)) - y0;
      return *reinterpret_cast<const unsigned*>(filtered + source_row * Half::pitch + column);
    };
    const unsigned sums =
        at(-2) + at(2) + 4 * (at(-1) + at(1)) + 6 * at(0) + (128u << 16 | 128u);
    const uint8_t values[2] = {uint8_t(sums >> 8), uint8_t(sums >> 24)};
    const bool own_row = row >= kOwn && row < kOwn + Half::own;
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      if (K + 1 < Count) to[row * Half::pitch + column + j] = values[j];
      if (own_row && column + j >= kOwn && column + j < kOwn + Half::own &&
          x + j < target.width)
        target.d_pixels[size_t(y) * unsigned(target.pitch) + unsigned(x + j)] = values[j];
    }
  }
  __syncthreads();
}

template <int Count>
__global__ void __launch_bounds__(kThreads) pyr_down_kernel(const __grid_constant__ Task task) {
  using Whole = Tile<Count, 0>;
  using Half = Tile<Count, 1>;
  constexpr int kWords = Whole::pitch / 4;
  __shared__ alignas(16) uint8_t even[Whole::side * Whole::pitch], odd[Half::side * Half::pitch];
  __shared__ alignas(4) uint16_t filtered[Whole::side * Half::pitch];
  const DeviceImage& source = task.levels[0];
  const int x0 = int(blockIdx.x) * kTile - Whole::before - Whole::lead;
  const int y0 = int(blockIdx.y) * kTile - Whole::before;
  for (int i = int(threadIdx.x); i < Whole::side * kWords; i += kThreads) {
    const int x = x0 + i % kWords * 4, y = y0 + i / kWords;
    if (x < 0 || x >= source.pitch || y < 0 || y >= source.height) continue;
    reinterpret_cast<unsigned*>(even)[i] =
        *reinterpret_cast<const unsigned*>(source.d_pixels + size_t(y) * unsigned(source.pitch) +
                                           unsigned(x));
  }
  __syncthreads();
  // Nothing of the tile is outside of the image, on any level.
  const bool inner = blockIdx.x > 0 && blockIdx.y > 0 && x0 + Whole::side + 8 <= source.width &&
                     y0 + Whole::side + 8 <= source.height;
  halve<Count, 0>(task, inner, even, odd, filtered);
  if constexpr (Count > 1) halve<Count, 1>(task, inner, odd, even, filtered);
  if constexpr (Count > 2) halve<Count, 2>(task, inner, even, odd, filtered);
}

}  // namespace

void launch_pyr_down(const DeviceImage* levels, int count, cudaStream_t stream) {
  Task task{};
  std::copy(levels, levels + count + 1, task.levels);
  const dim3 tiles(unsigned(levels[0].width + kTile - 1) / kTile,
                   unsigned(levels[0].height + kTile - 1) / kTile);
  switch (count) {
    case 1: pyr_down_kernel<1><<<tiles, kThreads, 0, stream>>>(task); break;
    case 2: pyr_down_kernel<2><<<tiles, kThreads, 0, stream>>>(task); break;
    default: pyr_down_kernel<3><<<tiles, kThreads, 0, stream>>>(task); break;
  }
  check_launch("launch the pyramid");
}

void Pyramid::resize(int width, int height, cudaStream_t stream) {
  built_ = 0;
  if (memory_.data() && width == levels_[0].width && height == levels_[0].height) return;
  levels_[0].width = levels_[0].height = 0;
  size_t bytes = 0, offsets[kMaxLevels];
  DeviceImage levels[kMaxLevels];
  for (int i = 0, w = width, h = height; i < kMaxLevels; ++i) {
    levels[i] = {nullptr, w, h, (w + 127) & ~127};
    offsets[i] = bytes;
    bytes += size_t(levels[i].pitch) * h;
    w = (w + 1) / 2;
    h = (h + 1) / 2;
  }
  bytes += 64;  // kernels read whole words, up to 11 bytes from the last pixel on
  uint8_t* d_memory = memory_.reserve(bytes);
  // What lies between rows is read with them, though it counts for nothing.
  check(cudaMemsetAsync(d_memory, 0, bytes, stream), "clear a pyramid");
  for (int i = 0; i < kMaxLevels; ++i) {
    levels_[i] = levels[i];
    levels_[i].d_pixels = d_memory + offsets[i];
  }
}

void Pyramid::build(int top, cudaStream_t stream) {
  while (built_ < top) {
    const int count = std::min(top - built_, kFusedLevels);
    launch_pyr_down(levels_ + built_, count, stream);
    built_ += count;
  }
}

int usable_levels(int width, int height, int win_width, int win_height, int max_level) {
  int top = 0;
  while (top < max_level) {
    width = (width + 1) / 2;
    height = (height + 1) / 2;
    if (width <= win_width || height <= win_height) break;
    ++top;
  }
  return top;
}

}  // namespace lk::cuda
