// Scores of all pixels, and the candidates among them in the order of their
// strength. The arithmetic is the CPU engine's: sums of products are integers,
// and what is done with them is done in the same order, without contraction
// (-fmad=false). So scores are the same bit by bit, and so are the corners.
#include "../mirrored.h"
#include "corners.h"

namespace lk::cuda {
namespace {

constexpr unsigned kAll = 0xffffffffu;
constexpr int kThreads = 256;

// ---- Scores -------------------------------------------------------------------------

// The smaller eigenvalue of (xx xy; xy yy), or det − k · trace².
__device__ float score_of(float xx, float xy, float yy, bool harris, float k) {
  if (harris) return xx * yy - xy * xy - k * (xx + yy) * (xx + yy);
  const float a = xx * 0.5f, c = yy * 0.5f;
  return (a + c) - sqrtf((a - c) * (a - c) + xy * xy);
}

__device__ float scale_of(const lk_detect_options& options) {
  const double scale = 1. / (double(1 << (options.gradient_size - 1)) * options.block_size * 255.);
  return float(scale * scale);
}

__device__ bool allowed(const uint8_t* d_mask, size_t at) { return !d_mask || d_mask[at]; }

// The best score of a block's threads, into the counts. Scores over 0 have the
// order of their bits; no other one makes a corner.
__device__ void raise_best(Counts* d_counts, float best) {
  __shared__ unsigned block_best;
  if (threadIdx.x == 0) block_best = 0;
  __syncthreads();
  unsigned bits = best > 0.f ? __float_as_uint(best) : 0;
  for (int offset = 16; offset > 0; offset /= 2)
    bits = max(bits, __shfl_xor_sync(kAll, bits, offset));
  if (threadIdx.x % 32 == 0) atomicMax(&block_best, bits);
  __syncthreads();
  if (threadIdx.x == 0 && block_best > 0) atomicMax(&d_counts->best, block_best);
}

// The usual case, 3 × 3 gradients summed over 3 × 3 pixels, in one pass. A warp
// has 32 columns side by side and goes down some rows; neighbours in a row come
// from the other lanes, those above and below from the steps before. The two
// outer columns on both sides only serve their neighbours.
constexpr int kColumns = 28, kRows = 16;

__global__ void __launch_bounds__(kThreads) scores_3_3_kernel(const ScoreTask task) {
  const DeviceImage& image = task.image;
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
  const int first_x = int(blockIdx.x) * kColumns - 2, x = first_x + lane;
  const int first_y = (int(blockIdx.y) * (kThreads / 32) + warp) * kRows;
  const int last_y = min(first_y + kRows, image.height) - 1;
  const uint8_t* pixels = image.d_pixels + mirrored(x, image.width);
  // Products outside of the image are those mirrored into it.
  const int source = mirrored(x, image.width) - first_x;
  const float scale = scale_of(task.options);
  const bool harris = task.options.use_harris != 0;

  int sums[3][3] = {};  // xx, xy, yy of three rows, summed over three columns
  float best = 0;
#pragma unroll 3
  for (int y = first_y - 1; y <= last_y + 1; ++y) {
    const int row = mirrored(y, image.height);
    const int above = pixels[size_t(mirrored(row - 1, image.height)) * image.pitch];
    const int here = pixels[size_t(row) * image.pitch];
    const int below = pixels[size_t(mirrored(row + 1, image.height)) * image.pitch];
    const int smooth = above + 2 * here + below, derived = below - above;
    const int dx = __shfl_down_sync(kAll, smooth, 1) - __shfl_up_sync(kAll, smooth, 1);
    const int dy = __shfl_down_sync(kAll, derived, 1) + 2 * derived +
                   __shfl_up_sync(kAll, derived, 1);
    const int products[3] = {dx * dx, dx * dy, dy * dy};
    float box[3];
#pragma unroll
    for (int i = 0; i < 3; ++i) {
      const int p = __shfl_sync(kAll, products[i], source);
      sums[i][0] = sums[i][1];
      sums[i][1] = sums[i][2];
      sums[i][2] = __shfl_up_sync(kAll, p, 1) + p + __shfl_down_sync(kAll, p, 1);
      box[i] = float(sums[i][0] + sums[i][1] + sums[i][2]) * scale;
    }
    const int middle = y - 1;
    if (middle < first_y || lane < 2 || lane >= 2 + kColumns || x >= image.width) continue;
    const float score = score_of(box[0], box[1], box[2], harris, task.options.k);
    const size_t at = size_t(middle) * image.width + x;
    task.d_scores[at] = score;
    if (score > best && allowed(task.d_mask, at)) best = score;
  }
  raise_best(task.d_counts, best);
}

// All other sizes, in two passes without finesse: gradients, then their products
// summed around each pixel.
template <int Size>
__device__ void sobel_factors(int (&smooth)[Size], int (&derive)[Size]) {
  constexpr int kSmooth[3][7] = {{1, 2, 1}, {1, 4, 6, 4, 1}, {1, 6, 15, 20, 15, 6, 1}};
  constexpr int kDerive[3][7] = {{-1, 0, 1}, {-1, -2, 0, 2, 1}, {-1, -4, -5, 0, 5, 4, 1}};
#pragma unroll
  for (int i = 0; i < Size; ++i) {
    smooth[i] = kSmooth[Size / 2 - 1][i];
    derive[i] = kDerive[Size / 2 - 1][i];
  }
}

template <int Size>
__global__ void __launch_bounds__(kThreads) gradients_kernel(const ScoreTask task) {
  const DeviceImage& image = task.image;
  const int x = int(blockIdx.x * blockDim.x + threadIdx.x), y = int(blockIdx.y);
  if (x >= image.width) return;
  int smooth[Size], derive[Size];
  sobel_factors<Size>(smooth, derive);
  int dx = 0, dy = 0;
#pragma unroll
  for (int j = 0; j < Size; ++j) {
    const uint8_t* row =
        image.d_pixels + size_t(mirrored(y + j - Size / 2, image.height)) * image.pitch;
#pragma unroll
    for (int i = 0; i < Size; ++i) {
      const int pixel = row[mirrored(x + i - Size / 2, image.width)];
      dx += pixel * derive[i] * smooth[j];
      dy += pixel * smooth[i] * derive[j];
    }
  }
  task.d_gradients[size_t(y) * image.width + x] = {dx, dy};
}

__global__ void __launch_bounds__(kThreads) scores_kernel(const ScoreTask task) {
  const DeviceImage& image = task.image;
  const int x = int(blockIdx.x * blockDim.x + threadIdx.x), y = int(blockIdx.y);
  const int block = int(task.options.block_size);
  float best = 0;
  if (x < image.width) {
    long long xx = 0, xy = 0, yy = 0;
    for (int j = 0; j < block; ++j) {
      const int2* row =
          task.d_gradients + size_t(mirrored(y + j - block / 2, image.height)) * image.width;
      for (int i = 0; i < block; ++i) {
        const int2 g = row[mirrored(x + i - block / 2, image.width)];
        xx += (long long)(g.x) * g.x;
        xy += (long long)(g.x) * g.y;
        yy += (long long)(g.y) * g.y;
      }
    }
    const float scale = scale_of(task.options);
    const float score = score_of(float(xx) * scale, float(xy) * scale, float(yy) * scale,
                                 task.options.use_harris != 0, task.options.k);
    const size_t at = size_t(y) * image.width + x;
    task.d_scores[at] = score;
    if (allowed(task.d_mask, at)) best = score;
  }
  raise_best(task.d_counts, best);
}

// ---- Candidates ------------------------------------------------------------------------

// Candidates are sorted by counting. Scores between the threshold and the best
// one are cut into bins of equal numbers of bit patterns, fine ones: 4096 over
// the seven octaves of a quality level of 0.01. So bins hold a handful each, and
// inside of one, each candidate counts how many are before it.
struct Bins {
  unsigned low;
  int shift;

  __device__ unsigned of(unsigned score_bits) const { return (score_bits - low) >> shift; }
};

__device__ float threshold_of(const PickTask& task) {
  return __uint_as_float(task.d_counts->best) * task.quality_level;
}

__device__ Bins bins_of(const PickTask& task) {
  const unsigned low = __float_as_uint(threshold_of(task));
  const unsigned range = task.d_counts->best - low;
  return {low, max(0, 32 - __clz(int(range)) - 12)};
}
static_assert(kBins == 1 << 12);

__device__ unsigned score_bits(Candidate c) { return unsigned(c >> 32); }

// Pixels over the threshold and not under any neighbour.
__global__ void __launch_bounds__(kThreads) find_kernel(const PickTask task) {
  __shared__ unsigned block_count, block_place;
  if (threadIdx.x == 0) block_count = block_place = 0;
  __syncthreads();
  // 32 × 32 pixels a block: each thread has four of a column.
  const int x = int(blockIdx.x) * 32 + int(threadIdx.x) % 32 + 1;
  const int y = int(blockIdx.y) * 32 + int(threadIdx.x) / 32 * 4 + 1;
  const float threshold = threshold_of(task);
  Candidate found[4];
  int count = 0;
  if (x < task.width - 1) {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      if (y + j >= task.height - 1) break;
      const size_t at = size_t(y + j) * task.width + x;
      const float* s = task.d_scores + at;
      const float score = *s;
      if (!(score > threshold)) continue;
      const float *a = s - task.width, *b = s + task.width;
      if (score < s[-1] || score < s[1] || score < a[-1] || score < a[0] || score < a[1] ||
          score < b[-1] || score < b[0] || score < b[1] || !allowed(task.d_mask, at))
        continue;
      found[count++] = Candidate(__float_as_uint(score)) << 32 | at;
    }
  }
  const unsigned own = count ? atomicAdd(&block_count, unsigned(count)) : 0;
  __syncthreads();
  if (threadIdx.x == 0 && block_count)
    block_place = atomicAdd(&task.d_counts->found, block_count);
  __syncthreads();
  const Bins bins = bins_of(task);
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    const unsigned place = block_place + own + unsigned(j);
    if (j >= count || place >= task.capacity) break;
    task.d_found[place] = found[j];
    atomicAdd(&task.d_counts->bins[bins.of(score_bits(found[j]))], 1u);
  }
}

// Where each bin starts, strongest first. One block.
constexpr int kScanThreads = 1024, kPerThread = kBins / kScanThreads;

__global__ void __launch_bounds__(kScanThreads) scan_kernel(const PickTask task) {
  __shared__ unsigned warp_sums[32];
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
  const int first = kBins - 1 - int(threadIdx.x) * kPerThread;  // and those below it
  unsigned counts[kPerThread], sum = 0, largest = 0;
#pragma unroll
  for (int i = 0; i < kPerThread; ++i) {
    counts[i] = task.d_counts->bins[first - i];
    sum += counts[i];
    largest = max(largest, counts[i]);
  }
  unsigned up_to = sum;
  for (int offset = 1; offset < 32; offset *= 2) {
    const unsigned before = __shfl_up_sync(kAll, up_to, offset);
    if (lane >= offset) up_to += before;
  }
  if (lane == 31) warp_sums[warp] = up_to;
  // Counting within a bin takes the square of what is in it.
  const bool too_many = __syncthreads_or(largest > 8192);
  if (warp == 0) {
    unsigned all = warp_sums[lane];
    for (int offset = 1; offset < 32; offset *= 2) {
      const unsigned before = __shfl_up_sync(kAll, all, offset);
      if (lane >= offset) all += before;
    }
    warp_sums[lane] = all;
  }
  __syncthreads();
  unsigned place = up_to - sum + (warp > 0 ? warp_sums[warp - 1] : 0);
#pragma unroll
  for (int i = 0; i < kPerThread; ++i) {
    task.d_counts->starts[first - i] = task.d_counts->places[first - i] = place;
    place += counts[i];
  }
  if (threadIdx.x == 0) {
    task.d_counts->unsorted = too_many || task.d_counts->found > task.capacity;
    *task.summary = {task.d_counts->best, task.d_counts->found, task.d_counts->unsorted};
  }
}

__global__ void __launch_bounds__(kThreads) bin_kernel(const PickTask task) {
  const unsigned count = min(task.d_counts->found, task.capacity);
  const Bins bins = bins_of(task);
  for (unsigned i = blockIdx.x * kThreads + threadIdx.x; i < count; i += gridDim.x * kThreads) {
    const Candidate c = task.d_found[i];
    task.d_binned[atomicAdd(&task.d_counts->places[bins.of(score_bits(c))], 1u)] = c;
  }
}

__global__ void __launch_bounds__(kThreads) sort_kernel(const PickTask task) {
  if (task.d_counts->unsorted) return;
  const unsigned count = min(task.d_counts->found, task.capacity);
  const Bins bins = bins_of(task);
  for (unsigned i = blockIdx.x * kThreads + threadIdx.x; i < count; i += gridDim.x * kThreads) {
    const Candidate c = task.d_binned[i];
    const unsigned bin = bins.of(score_bits(c));
    const unsigned start = task.d_counts->starts[bin], end = start + task.d_counts->bins[bin];
    unsigned place = start;
    for (unsigned j = start; j < end; ++j) place += task.d_binned[j] > c;
    task.d_sorted[place] = c;
    if (place < task.first_count) task.first[place] = c;
  }
}

}  // namespace

void launch_scores(const ScoreTask& task, cudaStream_t stream) {
  const int width = task.image.width, height = task.image.height;
  const auto& options = task.options;
  if (options.gradient_size == 3 && options.block_size == 3) {
    constexpr int kBlockRows = kRows * (kThreads / 32);
    const dim3 blocks(unsigned(width + kColumns - 1) / kColumns,
                      unsigned(height + kBlockRows - 1) / kBlockRows);
    scores_3_3_kernel<<<blocks, kThreads, 0, stream>>>(task);
    check_launch("launch the corner scores");
    return;
  }
  const dim3 blocks(unsigned(width + kThreads - 1) / kThreads, unsigned(height));
  switch (options.gradient_size) {
    case 3: gradients_kernel<3><<<blocks, kThreads, 0, stream>>>(task); break;
    case 5: gradients_kernel<5><<<blocks, kThreads, 0, stream>>>(task); break;
    default: gradients_kernel<7><<<blocks, kThreads, 0, stream>>>(task); break;
  }
  check_launch("launch the gradients");
  scores_kernel<<<blocks, kThreads, 0, stream>>>(task);
  check_launch("launch the corner scores");
}

void launch_pick(const PickTask& task, cudaStream_t stream) {
  const dim3 tiles(unsigned(task.width - 2 + 31) / 32, unsigned(task.height - 2 + 31) / 32);
  find_kernel<<<tiles, kThreads, 0, stream>>>(task);
  check_launch("launch the suppression");
  scan_kernel<<<1, kScanThreads, 0, stream>>>(task);
  check_launch("launch the count");
  // The device alone knows how many there are: enough blocks for a usual frame.
  constexpr unsigned kBlocks = 128;
  bin_kernel<<<kBlocks, kThreads, 0, stream>>>(task);
  check_launch("launch the binning");
  sort_kernel<<<kBlocks, kThreads, 0, stream>>>(task);
  check_launch("launch the sorting");
}

}  // namespace lk::cuda
