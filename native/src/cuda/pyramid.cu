// Pyramid levels: 5 × 5 Gaussian (1 4 6 4 1)² / 256, rounded, mirrored at the
// borders, every second pixel of every second row.
//
// One launch takes over an image and makes up to three levels from it. A block has
// a tile of 64 × 64 pixels and their halvings. A thread computes four pixels of a
// level at a time, from 5 rows of 11 pixels before it, by dot products of bytes. The
// first level comes straight from the image, the others from the tile of the level
// before, in shared memory. Tiles have what coarser pixels need around them, so some
// pixels are computed twice (1.8 times the work for three levels); the work is small,
// a launch that waits for the one before is not.
//
// Pixels near the border are written to their mirrored places in the margin too. That
// is most of what the slowest blocks do, those in the corners.
#include <algorithm>
#include <iterator>
#include <type_traits>

#include "lkstream.h"
#include "overlap.cuh"
#include "pyramid.h"

namespace lk::cuda {
namespace {

constexpr unsigned kTile = 64;
// Threads that make the first level, and take over eight pixels of level 0 each; and
// those that make the coarser ones meanwhile: one for each four pixels of the second
// one's tile.
constexpr unsigned kFine = 512, kCoarse = 128;
static_assert(kFine * 8 == kTile * kTile);
// Blocks that a multiprocessor should have room for; Turing's take 1024 threads.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
constexpr int kBlocks = 1;
#else
constexpr int kBlocks = 2;
#endif
constexpr int kFusedLevels = 3;

// Margins in memory: what a window may reach out, and what is read with it, as
// whole words and by lanes that are over. Left of it all is aligned.
constexpr int kLeft = 128, kRight = 80, kAbove = 72, kBelow = 72;
static_assert(kAbove >= LK_MAX_WINDOW + 4 && kRight >= LK_MAX_WINDOW + 16);

struct Task {
  DeviceImage source;  // where the first of the levels is, or comes from
  DeviceImage levels[kFusedLevels + 1];
  int write_first;  // of the levels, or 0
  int margin;       // pixels around each level
};
static_assert(std::has_unique_object_representations_v<Task>);

// ---- Borders -------------------------------------------------------------------------

// For indices that are at most 2 outside of what the image needs; some index of the
// image for all others.
__device__ int mirrored_near(int i, int n) { return max(min(abs(i), 2 * (n - 1) - abs(i)), 0); }

// Calls body(j) for every index j from -margin to n - 1 + margin that stands for i.
template <class Body>
__device__ void for_each_mirrored(int i, int n, int margin, const Body& body) {
  // An image smaller than its margin is mirrored over and over.
  const int period = max(2 * (n - 1), 1);
  int first = i, second = -i;
  if (n <= margin + 1) {
    first = (i + margin) % period - margin;
    second = (period - i + margin) % period - margin;
  } else if (i > margin) {
    second += period;
  }
  for (int j = first; j < n + margin; j += period) body(j);
  if (n == 1 || i == 0 || i == n - 1) return;  // their own mirror images
  for (int j = second; j < n + margin; j += period) body(j);
}

// The two that follow are not inlined, for their code would be fetched for long, and
// take an image apart, which is quicker.

// Into an image that may be smaller than its margin.
__device__ __noinline__ void write_small(uint8_t* d_pixels, int width, int height, int pitch,
                                         int x, int y, unsigned pixels, int margin) {
  for_each_mirrored(y, height, margin, [&](int row) {
    for (int i = 0; i < min(4, width - x); ++i)
      for_each_mirrored(x + i, width, margin, [&](int column) {
        d_pixels[row * pitch + column] = uint8_t(pixels >> 8 * i);
      });
  });
}

// Near the border of a larger one, where an index has one mirror image on either
// side, at most.
__device__ __noinline__ void write_near(uint8_t* d_pixels, int width, int height, int pitch, int x,
                                        int y, unsigned pixels, int margin) {
  const int last_x = width - 1, last_y = height - 1;
  const bool left = x <= margin, right = x + 3 + margin >= last_x, whole = x + 3 <= last_x;
  const auto write_row = [&](int row) {
    uint8_t* line = d_pixels + row * pitch;
    uint8_t *here = line + x, *on_left = line - x, *on_right = line + 2 * last_x - x;
    if (whole) *reinterpret_cast<unsigned*>(here) = pixels;
    if (!left && !right) return;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const uint8_t pixel = uint8_t(pixels >> 8 * i);
      const bool is_there = whole || x + i <= last_x;
      if (left && is_there) on_left[-i] = pixel;
      if (right && is_there) on_right[-i] = pixel;
      if (!whole && is_there) here[i] = pixel;
    }
  };
  write_row(y);
  if (y <= margin) write_row(-y);
  if (y + margin >= last_y) write_row(2 * last_y - y);
}

// Writes four pixels of a row, as far as they are in the image, and their mirror
// images in the margin.
__device__ inline void write(const DeviceImage& level, int x, int y, unsigned pixels, int margin) {
  const auto [d_pixels, width, height, pitch, unused] = level;
  if (x >= width || y >= height) return;
  if (x > margin && x + 4 + margin < width && y > margin && y + 1 + margin < height)
    *reinterpret_cast<unsigned*>(d_pixels + y * pitch + x) = pixels;
  else if (min(width, height) > margin + 1)
    write_near(d_pixels, width, height, pitch, x, y, pixels, margin);
  else
    write_small(d_pixels, width, height, pitch, x, y, pixels, margin);
}

// ---- Four pixels of a level from the one before ------------------------------------------

// A row's pixels from 4 before an even one to 11 after it.
struct Sixteen {
  unsigned words[4];
};

__device__ inline void add_row(unsigned (&sums)[4], const Sixteen& row, unsigned weight) {
  const unsigned* w = row.words;
  // From each even pixel but the first one on, two before it.
  const unsigned from[5] = {__funnelshift_r(w[0], w[1], 16), w[1], __funnelshift_r(w[1], w[2], 16),
                            w[2], __funnelshift_r(w[2], w[3], 16)};
#pragma unroll
  for (int i = 0; i < 4; ++i)
    sums[i] = __dp4a(from[i + 1], weight << 16, __dp4a(from[i], weight * 0x04060401u, sums[i]));
}

// row_at(j), j = -2 … 2: the rows around the first pixel's.
template <class RowAt>
__device__ unsigned halved(const RowAt& row_at) {
  unsigned sums[4] = {128, 128, 128, 128};
  add_row(sums, row_at(-2), 1);
  add_row(sums, row_at(-1), 4);
  add_row(sums, row_at(0), 6);
  add_row(sums, row_at(1), 4);
  add_row(sums, row_at(2), 1);
  return __byte_perm(__byte_perm(sums[0], sums[1], 0x51), __byte_perm(sums[2], sums[3], 0x51),
                     0x5410);
}

// Takes the bytes of words 0 … 3 from where they are mirrored to, a pair of words
// for each; of words that are inside of the image they stay as they are.
struct Border {
  unsigned selectors[4] = {0x7654, 0x7654, 0x7654, 0x7654};

  // Of sixteen pixels, from x on, of a row of so many. Word 0, if it is before the
  // row, is given as a copy of the row's first.
  __device__ Border(int x, int width) {
    if (x < 0) selectors[0] = mirrored_near(-2, width) << 8 | mirrored_near(-1, width) << 12;
    if (x + 16 <= width) return;
#pragma unroll
    for (int i = 1; i < 4; ++i) {
      selectors[i] = 0;
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const int at = x + 4 * i + k, from = at < width ? at : mirrored_near(at, width);
        selectors[i] |= unsigned(from - (x + 4 * i - 4) & 7) << 4 * k;
      }
    }
  }

  __device__ Sixteen mirror(const Sixteen& row) const {
    const unsigned* w = row.words;
    return {{__byte_perm(w[0], w[0], selectors[0]), __byte_perm(w[0], w[1], selectors[1]),
             __byte_perm(w[1], w[2], selectors[2]), __byte_perm(w[2], w[3], selectors[3])}};
  }
};

// From an image in device memory: the pixels (x … x + 3, y) of its half.
__device__ inline unsigned halved_at(const DeviceImage& image, int x, int y) {
  const Border border(2 * x - 4, image.width);
  // Words that are outside are not read.
  const int before = x > 0 ? -1 : 0, after = 2 * x + 8 < image.width ? 2 : 0;
  return halved([&](int j) {
    const int row = mirrored_near(2 * y + j, image.height);
    const unsigned* p = reinterpret_cast<const unsigned*>(
        image.d_pixels + size_t(row) * unsigned(image.pitch) + 2 * x);
    const uint2 middle = *reinterpret_cast<const uint2*>(p);
    return border.mirror({{p[before], middle.x, middle.y, p[after]}});
  });
}

// ---- Tiles -----------------------------------------------------------------------------

// What a block has of level K on its way to level Count.
template <int Count, int K>
struct Tile {
  using Coarser = Tile<Count, K + 1>;
  static constexpr int own = int(kTile >> K);             // pixels a side that are its own,
  static constexpr int before = 2 * Coarser::before + 2;  // those before them,
  static constexpr int rows = 2 * Coarser::rows + 3;      // and all
  static constexpr int left = (before + 3) & ~3;          // before them in whole words
  static constexpr int words = (left - before + rows + 3) / 4;
  // In shared memory; what is read beyond a row counts for nothing.
  static constexpr int lead = 1, size = lead + rows * words + 2;

  __device__ static int first_x() { return int(blockIdx.x) * own - left; }
  __device__ static int first_y() { return int(blockIdx.y) * own - before; }
};
template <int Count>
struct Tile<Count, Count> {
  static constexpr int own = int(kTile >> Count), before = 0, rows = own, left = 0, words = own / 4;

  __device__ static int first_x() { return int(blockIdx.x) * own; }
  __device__ static int first_y() { return int(blockIdx.y) * own; }
};

// Of a tile: the two pixels on either side of the image.
template <class T>
__device__ void extend_rows(const DeviceImage& level, unsigned* words, unsigned thread) {
  uint8_t* pixels = reinterpret_cast<uint8_t*>(words);
  const int row = int(thread / 4), side = int(thread % 4);
  const int x = side < 2 ? -1 - side : level.width + side - 2;
  const int to = x - T::first_x(), from = mirrored_near(x, level.width) - T::first_x();
  if (row < T::rows && to >= 0 && to < 4 * T::words && from >= 0)
    pixels[row * 4 * T::words + to] = pixels[row * 4 * T::words + from];
}

// Of the whole block, or of the threads of its coarser levels.
__device__ inline void barrier(bool of_all) {
  if (of_all)
    __syncthreads();
  else
    asm volatile("bar.sync 1, %0;" ::"n"(kCoarse) : "memory");
}

// Makes level K and the coarser ones, four pixels a thread. before_at(x, y): those of
// level K at (x … x + 3, y), from the level before.
template <int Count, int K, class BeforeAt>
__device__ void make_levels(const Task& task, bool inner, const BeforeAt& before_at) {
  using T = Tile<Count, K>;
  static_assert(T::rows * (T::words > 4 ? T::words : 4) <= int(K == 1 ? kFine : kCoarse));
  const DeviceImage& level = task.levels[K];
  const unsigned thread = threadIdx.x - (K == 1 ? 0 : kFine);
  const int row = int(thread / T::words), column = int(thread % T::words);
  const int x = T::first_x() + 4 * column, y = T::first_y() + row;
  const bool has_pixels = row < T::rows && x >= 0 && x < level.width;
  unsigned pixels = 0;
  constexpr int kAround = K < Count ? 2 : 0;  // rows outside of the image that count
  if (has_pixels && y >= -kAround && y < level.height + kAround)
    pixels = before_at(x, mirrored_near(y, level.height));
  if constexpr (K < Count) {
    __shared__ unsigned shared[T::size];
    unsigned* tile = shared + T::lead;
    if (row < T::rows) tile[row * T::words + column] = pixels;
    barrier(K == 1);
    if (K == 1) let_kernel_after_start();
    if (!inner) {
      extend_rows<T>(level, tile, thread);
      barrier(K == 1);
    }
    if (K > 1 || threadIdx.x >= kFine)
      make_levels<Count, K + 1>(task, inner, [tile](int next_x, int next_y) {
        const unsigned* p = tile + (2 * next_y - T::first_y()) * T::words +
                            (2 * next_x - T::first_x()) / 4;
        return halved([p](int j) {
          const unsigned* q = p + j * T::words;
          return Sixteen{{q[-1], q[0], q[1], q[2]}};
        });
      });
  }
  const bool is_own = has_pixels && column >= T::left / 4 && column < (T::left + T::own) / 4 &&
                      row >= T::before && row < T::before + T::own;
  if (is_own) write(level, x, y, pixels, task.margin);
}

template <int Count>
__global__ void __launch_bounds__(kFine + kCoarse, kBlocks)
    pyramid_kernel(const __grid_constant__ Task task) {
  const DeviceImage& source = task.source;
  const int x = int(blockIdx.x * kTile + threadIdx.x * 8 % kTile);
  const int y = int(blockIdx.y * kTile + threadIdx.x * 8 / kTile);
  const bool writes_first =
      task.write_first && threadIdx.x < kFine && x < source.width && y < source.height;
  uint2 first{};
  if (writes_first)
    first = *reinterpret_cast<const uint2*>(source.d_pixels +
                                            size_t(y) * unsigned(source.pitch) + unsigned(x));
  // Nothing of the tile is outside of the image, on any level.
  const bool inner = blockIdx.x > 0 && blockIdx.y > 0 &&
                     int((blockIdx.x + 2) * kTile) <= source.width &&
                     int((blockIdx.y + 2) * kTile) <= source.height;
  if constexpr (Count > 0)
    make_levels<Count, 1>(task, inner,
                          [&](int half_x, int half_y) { return halved_at(source, half_x, half_y); });
  if (!writes_first) return;
  write(task.levels[0], x, y, first.x, task.margin);
  write(task.levels[0], x + 4, y, first.y, task.margin);
}

int aligned(int bytes) { return (bytes + 127) & ~127; }

// Computes levels[1 … count] from levels[0], or from an image that becomes it.
void add_levels(const DeviceImage& source, bool write_first, const DeviceImage* levels, int count,
                int margin, Launches& launches) {
  Task task{source, {}, write_first, margin};
  std::copy(levels, levels + count + 1, task.levels);
  const dim3 tiles((unsigned(source.width) + kTile - 1) / kTile,
                   (unsigned(source.height) + kTile - 1) / kTile);
  const unsigned threads = kFine + (count > 1 ? kCoarse : 0);
  void (*const kernels[])(Task) = {pyramid_kernel<0>, pyramid_kernel<1>, pyramid_kernel<2>,
                                   pyramid_kernel<3>};
  static_assert(std::size(kernels) == kFusedLevels + 1);
  add_kernel(launches, kernels[count], tiles, threads, 0, false, task);
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

void Pyramid::take(const DeviceImage& image, int top, int window, Launches& launches) {
  const int count = std::min(top, kFusedLevels);
  const int margin = window + 3;  // with what gradients and sub-pixel places need
  add_levels(image, true, levels_, count, margin, launches);
  built_ = count;
  margin_ = margin;
  build(top, window, launches);
}

void Pyramid::build(int top, int window, Launches& launches) {
  if (window + 3 > margin_) {
    take(levels_[0], top, window, launches);
    return;
  }
  while (built_ < top) {
    const int count = std::min(top - built_, kFusedLevels);
    add_levels(levels_[built_], false, levels_ + built_, count, margin_, launches);
    built_ += count;
  }
}

}  // namespace lk::cuda
