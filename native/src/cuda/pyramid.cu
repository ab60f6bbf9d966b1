// Pyramid levels: 5 × 5 Gaussian (1 4 6 4 1)² / 256, rounded, mirrored at the
// borders, every second pixel of every second row.
//
// One launch takes over an image and makes up to three levels from it. A block
// takes a tile of 64 × 64 pixels with what its coarsest pixels need around it, 85 ×
// 85 at most, into shared memory and halves it there. Tiles overlap, so some pixels
// are computed twice (1.8 times the work for three levels); the work is small, a
// launch that waits for the one before is not: three of them take 3 µs more than
// one.
//
// A pixel near the border is written to its mirrored places in the margin too.
#include <algorithm>

#include "lkstream.h"
#include "pyramid.h"

namespace lk::cuda {
namespace {

constexpr int kLog2Tile = 6, kTile = 1 << kLog2Tile;
constexpr int kThreads = 512;
constexpr int kFusedLevels = 3;

// Margins in memory: what a window may reach out, and what is read with it, as
// whole words and by lanes that are over. Left of it all is aligned.
constexpr int kLeft = 128, kRight = 80, kAbove = 72, kBelow = 72;
static_assert(kAbove >= LK_MAX_WINDOW + 4 && kRight >= LK_MAX_WINDOW + 16);

struct Task {
  DeviceImage source;  // where the first of the levels is, or comes from
  DeviceImage levels[kFusedLevels + 1];
  bool write_first;  // of the levels
  int margin;        // pixels around each level
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
  static constexpr int own = kTile >> Count, before = 0, side = own, lead = 0, pitch = own;
};
// In shared memory; of levels that are not made, as little as can be.
template <int Count, int K>
__host__ __device__ constexpr int tile_bytes() {
  if constexpr (K > Count)
    return 1;
  else
    return Tile<Count, K>::side * Tile<Count, K>::pitch;
}

// For indices that are at most 2 outside of what the image needs.
__device__ int mirrored_near(int i, int n) { return max(min(abs(i), 2 * (n - 1) - abs(i)), 0); }

// Calls body(j) for every index j from -margin to n - 1 + margin that stands for i.
template <class Body>
__device__ void for_each_mirrored(int i, int n, int margin, const Body& body) {
  // An image smaller than its margin is mirrored over and over.
  const int period = max(2 * (n - 1), 1);
  int first = i, second = -i;
  if (n <= margin) {
    first = (i + margin) % period - margin;
    second = (period - i + margin) % period - margin;
  } else if (i > margin) {
    second += period;
  }
  for (int j = first; j < n + margin; j += period) body(j);
  if (n == 1 || i == 0 || i == n - 1) return;  // their own mirror images
  for (int j = second; j < n + margin; j += period) body(j);
}

// Writes the block's own pixels of a level, from a tile of so many a side in shared
// memory, and near the border its margin. Not inlined: the code of all levels would
// be fetched for long.
__device__ __noinline__ void write_level(const DeviceImage& level, const uint8_t* tile, int pitch,
                                         int log2_side, int margin) {
  const int side = 1 << log2_side;
  const int x0 = int(blockIdx.x) << log2_side, y0 = int(blockIdx.y) << log2_side;
  const bool near_border = x0 <= margin || y0 <= margin || x0 + side + margin >= level.width ||
                           y0 + side + margin >= level.height;
  if (!near_border) {
    for (int i = int(threadIdx.x); i < side * side / 4; i += kThreads) {
      const int column = (i << 2) & (side - 1), row = i >> (log2_side - 2);
      const uint8_t* p = tile + row * pitch + column;
      *reinterpret_cast<unsigned*>(level.d_pixels + (y0 + row) * level.pitch + x0 + column) =
          p[0] | p[1] << 8 | p[2] << 16 | unsigned(p[3]) << 24;
    }
    return;
  }
  for (int i = int(threadIdx.x); i < side * side; i += kThreads) {
    const int column = i & (side - 1), row = i >> log2_side;
    if (x0 + column >= level.width || y0 + row >= level.height) continue;
    const uint8_t value = tile[row * pitch + column];
    for_each_mirrored(y0 + row, level.height, margin, [&](int y) {
      uint8_t* out = level.d_pixels + y * level.pitch;
      for_each_mirrored(x0 + column, level.width, margin, [&](int x) { out[x] = value; });
    });
  }
}

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
  constexpr int kPairs = Half::pitch / 2;
  for (int i = int(threadIdx.x); i < Half::side * kPairs; i += kThreads) {
    const int row = i / kPairs, column = i % kPairs * 2;
    const int y = half_y0 + row;
    if (y < 0 || y >= target.height) continue;
    const auto at = [&](int j) {
      const int source_row = (inner ? 2 * y + j : mirrored_near(2 * y + j, source.height)) - y0;
      return *reinterpret_cast<const unsigned*>(filtered + source_row * Half::pitch + column);
    };
    const unsigned sums =
        at(-2) + at(2) + 4 * (at(-1) + at(1)) + 6 * at(0) + (128u << 16 | 128u);
    uint8_t* out = to + row * Half::pitch + column;
    out[0] = uint8_t(sums >> 8);
    out[1] = uint8_t(sums >> 24);
  }
  __syncthreads();
}

template <int Count, int K>
__device__ void write(const Task& task, const uint8_t* tile) {
  using T = Tile<Count, K>;
  write_level(task.levels[K], tile + T::before * (T::pitch + 1) + T::lead, T::pitch, kLog2Tile - K,
              task.margin);
}

template <int Count>
__global__ void __launch_bounds__(kThreads) pyramid_kernel(const __grid_constant__ Task task) {
  using Whole = Tile<Count, 0>;
  using Half = Tile<Count, Count == 0 ? 0 : 1>;
  constexpr int kWords = Whole::pitch / 4;
  __shared__ alignas(16) uint8_t level0[tile_bytes<Count, 0>()], level1[tile_bytes<Count, 1>()],
      level2[tile_bytes<Count, 2>()], level3[tile_bytes<Count, 3>()];
  __shared__ alignas(4) uint16_t filtered[Whole::side * Half::pitch];
  const DeviceImage& source = task.source;
  const int x0 = int(blockIdx.x) * kTile - Whole::before - Whole::lead;
  const int y0 = int(blockIdx.y) * kTile - Whole::before;
  for (int i = int(threadIdx.x); i < Whole::side * kWords; i += kThreads) {
    const int x = x0 + i % kWords * 4, y = y0 + i / kWords;
    if (x < 0 || x >= source.width || y < 0 || y >= source.height) continue;
    reinterpret_cast<unsigned*>(level0)[i] =
        *reinterpret_cast<const unsigned*>(source.d_pixels + size_t(y) * unsigned(source.pitch) +
                                           unsigned(x));
  }
  __syncthreads();
  // Nothing of the tile is outside of the image, on any level.
  const bool inner = blockIdx.x > 0 && blockIdx.y > 0 && x0 + Whole::side + 8 <= source.width &&
                     y0 + Whole::side + 8 <= source.height;
  if constexpr (Count > 0) halve<Count, 0>(task, inner, level0, level1, filtered);
  if constexpr (Count > 1) halve<Count, 1>(task, inner, level1, level2, filtered);
  if constexpr (Count > 2) halve<Count, 2>(task, inner, level2, level3, filtered);

  if (task.write_first) write<Count, 0>(task, level0);
  if constexpr (Count > 0) write<Count, 1>(task, level1);
  if constexpr (Count > 1) write<Count, 2>(task, level2);
  if constexpr (Count > 2) write<Count, 3>(task, level3);
}

int aligned(int bytes) { return (bytes + 127) & ~127; }

// Computes levels[1 … count] from levels[0], or from an image that becomes it.
void launch_levels(const DeviceImage& source, bool write_first, const DeviceImage* levels,
                   int count, int margin, cudaStream_t stream) {
  Task task{source, {}, write_first, margin};
  std::copy(levels, levels + count + 1, task.levels);
  const dim3 tiles(unsigned(source.width + kTile - 1) / kTile,
                   unsigned(source.height + kTile - 1) / kTile);
  switch (count) {
    case 0: pyramid_kernel<0><<<tiles, kThreads, 0, stream>>>(task); break;
    case 1: pyramid_kernel<1><<<tiles, kThreads, 0, stream>>>(task); break;
    case 2: pyramid_kernel<2><<<tiles, kThreads, 0, stream>>>(task); break;
    default: pyramid_kernel<3><<<tiles, kThreads, 0, stream>>>(task); break;
  }
  check_launch("launch the pyramid");
}

}  // namespace

void Pyramid::resize(int width, int height, cudaStream_t stream) {
  built_ = margin_ = 0;
  if (memory_.data() && width == levels_[0].width && height == levels_[0].height) return;
  levels_[0].width = levels_[0].height = 0;
  size_t bytes = 0, offsets[kMaxLevels];
  DeviceImage levels[kMaxLevels];
  for (int i = 0, w = width, h = height; i < kMaxLevels; ++i) {
    levels[i] = {nullptr, w, h, kLeft + aligned(w + kRight)};
    offsets[i] = bytes + size_t(levels[i].pitch) * kAbove + kLeft;
    bytes += size_t(levels[i].pitch) * unsigned(h + kAbove + kBelow);
    w = (w + 1) / 2;
    h = (h + 1) / 2;
  }
  uint8_t* d_memory = memory_.reserve(bytes);
  // What is read beyond the margins counts for nothing.
  check(cudaMemsetAsync(d_memory, 0, bytes, stream), "clear a pyramid");
  for (int i = 0; i < kMaxLevels; ++i) {
    levels_[i] = levels[i];
    levels_[i].d_pixels = d_memory + offsets[i];
  }
}

void Pyramid::take(const DeviceImage& image, int top, int window, cudaStream_t stream) {
  margin_ = window + 3;  // with what gradients and sub-pixel places need
  built_ = std::min(top, kFusedLevels);
  launch_levels(image, true, levels_, built_, margin_, stream);
  build(top, window, stream);
}

void Pyramid::build(int top, int window, cudaStream_t stream) {
  if (window + 3 > margin_) {
    take(levels_[0], top, window, stream);
    return;
  }
  while (built_ < top) {
    const int count = std::min(top - built_, kFusedLevels);
    launch_levels(levels_[built_], false, levels_ + built_, count, margin_, stream);
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
