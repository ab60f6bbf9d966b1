// The kernels of luma.h. Three launches: walks through the substreams, and in the last
// of its blocks the ways that they make; writing; the transform.
#include "luma.h"
#include "overlap.cuh"

namespace lk::cuda {
namespace {

// Ways that the last block mends one after the other, before it gives the frame up.
constexpr int kMostMended = 64;

__device__ const uint8_t d_place_of_zigzag[64] = {
    0,  8,  1,  2,  9,  16, 24, 17, 10, 3,  4,  11, 18, 25, 32, 40, 33, 26, 19, 12, 5,  6,
    13, 20, 27, 34, 41, 48, 56, 49, 42, 35, 28, 21, 14, 7,  15, 22, 29, 36, 43, 50, 57, 58,
    51, 44, 37, 30, 23, 31, 38, 45, 52, 59, 60, 53, 46, 39, 47, 54, 61, 62, 55, 63};

extern __shared__ uint4 shared_tables[];

__device__ const uint32_t* tables() { return reinterpret_cast<const uint32_t*>(shared_tables); }

// All of these by all threads of a block.

__device__ void load_tables(const LumaTask& task) {
  const uint4* from = reinterpret_cast<const uint4*>(task.d_tables);
  for (unsigned i = threadIdx.x; i < task.table_entries / 4; i += blockDim.x)
    shared_tables[i] = from[i];
}

__device__ void load_blocks(const LumaTask& task, Blocks& blocks) {
  if (threadIdx.x < kMostBlocks) blocks.tables[threadIdx.x] = task.frame.blocks.tables[threadIdx.x];
  if (threadIdx.x == 0) blocks.count = task.frame.blocks.count, blocks.luma = task.frame.blocks.luma;
}

// The coded data.
struct Coded {
  const uint32_t* d_words;
  uint32_t substreams;
  const Segment* d_segments;
  uint32_t segment_count;

  __device__ explicit Coded(const LumaTask& task)
      : d_words(reinterpret_cast<const uint32_t*>(task.d_cut + 1)),
        substreams(task.d_cut->substreams),
        d_segments(reinterpret_cast<const Segment*>(d_words + substreams * kSubstreamWords)),
        segment_count(task.d_cut->segments) {}

  __device__ uint32_t chunks() const { return (substreams + kOwn - 1) / kOwn; }
  // That a substream belongs to.
  __device__ uint32_t segment(uint32_t substream) const {
    return segment_of(d_segments, segment_count, substream);
  }
  __device__ Extent extent(uint32_t substream, uint32_t from) const {
    return extent_of(d_segments[segment(substream)], substream, from);
  }
};

// From a substream on, so many, and what is read beyond them.
__device__ void load_words(const Coded& coded, uint32_t substream, uint32_t count,
                           uint32_t* words) {
  const uint32_t first = substream * kSubstreamWords, all = coded.substreams * kSubstreamWords;
  for (uint32_t i = threadIdx.x; i < count * kSubstreamWords + kWordsBeyond; i += blockDim.x)
    words[i] = first + i < all ? __byte_perm(coded.d_words[first + i], 0, 0x0123) : 0;
}

// ---- Walks -----------------------------------------------------------------------------

struct WalkMemory {
  uint32_t words[kChunk * kSubstreamWords + kWordsBeyond];
  Blocks blocks;
  Walks walks;
};

__device__ void clear_coefficients(const LumaTask& task) {
  uint4* const values = reinterpret_cast<uint4*>(task.d_coefficients);
  const size_t count = size_t(task.frame.luma_blocks()) * 8;
  for (size_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)
    values[i] = {0, 0, 0, 0};
}

// Of this block's chunk.
__device__ void walk(const LumaTask& task, const Coded& coded, WalkMemory& m) {
  const int chunk = int(blockIdx.x), first = chunk * kOwn - kLead;
  const int begin = chunk == 0 ? kLead : 0, end = min(kChunk, int(coded.substreams) - first);
  load_words(coded, uint32_t(max(0, first)), uint32_t(end - begin), m.words);
  if (int(threadIdx.x) >= begin && int(threadIdx.x) < end)
    m.walks.extents[threadIdx.x] =
        coded.extent(uint32_t(first + int(threadIdx.x)), uint32_t(max(0, first)));
  __syncthreads();

  const int slot = int(threadIdx.x) / kGuesses, i = int(threadIdx.x) % kGuesses;
  const bool is_there = slot >= begin && slot < end;
  const Extent extent = is_there ? m.walks.extents[slot] : Extent{};
  Entry entry = extent.is_first ? Entry::first() : guess(m.blocks, unsigned(i));
#pragma unroll
  for (int round = 0; round < kWalks; ++round) {
    if (is_there) {
      m.walks.entries[slot][i] = entry;
      m.walks.passages[slot][i] =
          round + 1 < kWalks
              ? pass<false>(m.blocks, tables(), m.words, extent.begin, extent.end, entry)
              : pass(m.blocks, tables(), m.words, extent.begin, extent.end, entry);
    }
    __syncthreads();
    if (round + 1 < kWalks) {
      if (is_there && slot > begin && !extent.is_first)
        entry = m.walks.passages[slot - 1][i].exit;
      __syncthreads();
    }
  }
  let_kernel_after_start();
  if (is_there)
    m.walks.next[slot][i] =
        slot + 1 < end ? find(m.walks.entries[slot + 1], m.walks.passages[slot][i].exit) : kNone;
  __syncthreads();
  if (threadIdx.x < kGuesses) {
    Step* const steps = task.d_steps + (size_t(chunk) * kGuesses + threadIdx.x) * kOwn;
    Ways& ways = task.d_ways[chunk];
    ways.ends[threadIdx.x] = follow(m.blocks, tables(), m.words, m.walks, max(begin, kWalks - 1),
                                    kLead, end, threadIdx.x, steps);
    ways.entries[threadIdx.x] = steps[0].entry;
  }
}

// Whether this block is the last one to come here.
__device__ bool is_last(uint32_t& counter) {
  __shared__ bool last;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    last = atomicAdd(&counter, 1) == gridDim.x - 1;
    if (last) counter = 0;
  }
  __syncthreads();
  if (last) __threadfence();
  return last;
}

// For each way through the chunk before the one that goes on from it, four bits each.
__device__ uint32_t links_of(const LumaTask& task, const Coded& coded, uint32_t chunk) {
  if (chunk == 0) return 0;
  const uint32_t first = chunk * kOwn;
  if (coded.d_segments[coded.segment(first)].first == first) return 0;
  uint32_t links = 0;
  for (int i = 0; i < kGuesses; ++i)
    links |= (find(task.d_ways[chunk].entries, task.d_ways[chunk - 1].ends[i].exit) & 15u) << 4 * i;
  return links;
}

// Makes a chunk's first way one that goes on from the chunk before.
__device__ void mend_chunk(const LumaTask& task, const Coded& coded, WalkMemory& m,
                           uint32_t chunk, Entry entry) {
  const uint32_t first = chunk * kOwn;
  const uint32_t count = min(uint32_t(kOwn), coded.substreams - first);
  load_words(coded, first, count, m.words);
  if (threadIdx.x < count)
    m.walks.extents[threadIdx.x] = coded.extent(first + threadIdx.x, first);
  __syncthreads();
  if (threadIdx.x == 0)
    mend(m.blocks, tables(), m.words, m.walks.extents, int(count), entry,
         task.d_steps + size_t(chunk) * kGuesses * kOwn, task.d_ways[chunk]);
  __threadfence_block();
  __syncthreads();
}

// Follows links from one on, as far as they lead.
__device__ uint32_t chain(const uint32_t* links, uint8_t* ways, uint32_t way, uint32_t at,
                          uint32_t count) {
  constexpr int kAhead = 8;
  while (at < count) {
    uint32_t ahead[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) ahead[i] = at + i < count ? links[at + i] : ~0u;
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      way = ahead[i] >> 4 * way & 15;
      if (way == 15) return at;
      ways[at++] = uint8_t(way);
    }
  }
  return at;
}

// What was passed since a segment began, or since the beginning.
struct Total {
  bool is_fresh;
  Sums sums;
};

__device__ Total then(const Total& a, const Total& b) {
  return b.is_fresh ? b : Total{a.is_fresh, a.sums + b.sums};
}

// Of all threads of the block up to this one.
__device__ Total totals_up_to_here(Total total) {
  __shared__ Total of_warps[kChunk * kGuesses / 32];
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  for (unsigned by = 1; by < 32; by *= 2) {
    const Total before{__shfl_up_sync(~0u, int(total.is_fresh), by) != 0,
                       {__shfl_up_sync(~0u, total.sums.blocks, by),
                        __shfl_up_sync(~0u, total.sums.dc, by)}};
    if (lane >= by) total = then(before, total);
  }
  if (lane == 31) of_warps[warp] = total;
  __syncthreads();
  Total before{false, {0, 0}};
  for (unsigned i = 0; i < warp; ++i) before = then(before, of_warps[i]);
  __syncthreads();
  return then(before, total);
}

// Which way through each chunk goes on from that through the one before.
__device__ void join(const LumaTask& task, const Coded& coded, WalkMemory& m) {
  __shared__ uint32_t links[kChunk * kGuesses];
  __shared__ uint8_t ways[kChunk * kGuesses];
  __shared__ uint32_t stopped;
  __shared__ Sums carried;
  uint32_t way = 0;  // through the chunk before; in all threads
  Sums before{0, 0};
  if (threadIdx.x == 0) task.d_taken[0].before = before;
  int mended = 0;
  const uint32_t chunks = coded.chunks();
  for (uint32_t batch = 0; batch < chunks; batch += blockDim.x) {
    const uint32_t chunk = batch + threadIdx.x, count = min(blockDim.x, chunks - batch);
    if (threadIdx.x < count) links[threadIdx.x] = links_of(task, coded, chunk);
    __syncthreads();
    for (uint32_t at = 0;;) {
      if (threadIdx.x == 0) stopped = chain(links, ways, at == 0 ? way : ways[at - 1], at, count);
      __syncthreads();
      at = stopped;
      if (at == count) break;
      const uint32_t to = batch + at;
      const uint32_t from_way = at == 0 ? way : ways[at - 1];
      const Entry entry = task.d_ways[to - 1].ends[from_way].exit;
      if (++mended > kMostMended) {
        if (threadIdx.x == 0) task.d_state->uneven = 1;
      } else {
        mend_chunk(task, coded, m, to, entry);
      }
      if (threadIdx.x == 0) {
        ways[at] = 0;
        if (at + 1 < count) links[at + 1] = links_of(task, coded, to + 1);
      }
      __syncthreads();
      ++at;
    }
    Total total{false, {0, 0}};
    if (threadIdx.x < count) {
      const End& end = task.d_ways[chunk].ends[ways[threadIdx.x]];
      total = {end.is_fresh, end.sums};
    }
    total = totals_up_to_here(total);
    if (!total.is_fresh) total.sums = total.sums + before;
    if (threadIdx.x < count && chunk + 1 < chunks) task.d_taken[chunk + 1].before = total.sums;
    if (threadIdx.x < count) task.d_taken[chunk].way = ways[threadIdx.x];
    if (threadIdx.x == count - 1) carried = total.sums;
    way = ways[count - 1];
    __syncthreads();
    before = carried;
  }
}

__global__ void __launch_bounds__(kChunk * kGuesses)
    walk_kernel(const __grid_constant__ LumaTask task) {
  __shared__ WalkMemory memory;
  load_tables(task);
  load_blocks(task, memory.blocks);
  clear_coefficients(task);
  const Coded coded(task);
  if (blockIdx.x < coded.chunks()) walk(task, coded, memory);
  if (is_last(task.d_state->walked)) join(task, coded, memory);
}

// ---- Writing ---------------------------------------------------------------------------

// Substreams of a block, and its threads, most of which only help to load.
constexpr unsigned kWriters = 32, kLoaders = 128;

// What is known of a substream.
struct Known {
  Entry entry;
  Sums before;
};

__device__ Known known(const LumaTask& task, uint32_t substream, const Segment& segment) {
  const uint32_t chunk = substream / kOwn;
  const Taken taken = task.d_taken[chunk];
  const Step step =
      task.d_steps[(size_t(chunk) * kGuesses + taken.way) * kOwn + substream - chunk * kOwn];
  return {step.entry,
          segment.first < chunk * kOwn ? step.sums() + taken.before : step.sums()};
}

__global__ void __launch_bounds__(kLoaders) write_kernel(const __grid_constant__ LumaTask task) {
  __shared__ uint32_t words[kWriters * kSubstreamWords + kWordsBeyond];
  __shared__ Blocks blocks;
  __shared__ uint8_t places[64];
  load_tables(task);
  load_blocks(task, blocks);
  const Coded coded(task);
  const uint32_t first = blockIdx.x * kWriters, substream = first + threadIdx.x;
  if (first >= coded.substreams) return;
  load_words(coded, first, min(kWriters, coded.substreams - first), words);
  if (threadIdx.x < 64) places[threadIdx.x] = d_place_of_zigzag[threadIdx.x];
  __syncthreads();
  wait_for_kernel_before();
  if (threadIdx.x < kWriters && substream < coded.substreams) {
    const uint32_t number = coded.segment(substream);
    const Segment segment = coded.d_segments[number];
    const bool last = substream + 1 == coded.d_segments[number + 1].first;
    const Known here = known(task, substream, segment);
    const Known next = last ? here : known(task, substream + 1, segment);
    int16_t* const values = task.d_coefficients + task.frame.first_value_of(number);
    if (!write_substream(blocks, tables(), words, extent_of(segment, substream, first), segment,
                         substream, last, here.entry, here.before, next.entry, next.before,
                         task.frame.blocks_of(number), {values, places}))
      task.d_state->uneven = 1;
  }
  let_kernel_after_start();
}

// ---- Pixels ----------------------------------------------------------------------------

// Eight threads for each block of pixels, all in one warp: first one for each column,
// then one for each row.
constexpr unsigned kTransformers = 256, kTransformed = kTransformers / 8;

__global__ void __launch_bounds__(kTransformers)
    transform_kernel(const __grid_constant__ LumaTask task) {
  __shared__ int values[kTransformed][8][9];
  __shared__ uint4 quantization[8];
  if (threadIdx.x < 8)
    quantization[threadIdx.x] = reinterpret_cast<const uint4*>(task.frame.quantization)[threadIdx.x];
  __syncthreads();
  const unsigned mine = threadIdx.x / 8, line = threadIdx.x % 8;
  const uint32_t block = blockIdx.x * kTransformed + mine;
  const bool is_there = block < task.frame.luma_blocks();
  wait_for_kernel_before();
  bool even = true;
  if (is_there) {
    const uint4 packed = reinterpret_cast<const uint4*>(task.d_coefficients)[size_t(block) * 8 + line];
    const uint4 by = quantization[line];
    const uint32_t pairs[4] = {packed.x, packed.y, packed.z, packed.w};
    const uint32_t factors[4] = {by.x, by.y, by.z, by.w};
    int v[8];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      v[2 * i] = int16_t(pairs[i]) * int(factors[i] & 0xffff);
      v[2 * i + 1] = int16_t(pairs[i] >> 16) * int(factors[i] >> 16);
    }
    even = idct::column(v);
#pragma unroll
    for (int i = 0; i < 8; ++i) values[mine][i][line] = v[i];
  }
  __syncwarp();
  if (is_there) {
    int v[8];
#pragma unroll
    for (int i = 0; i < 8; ++i) v[i] = values[mine][line][i];
    even &= idct::row(v);
    uint2 pixels{0, 0};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      pixels.x |= unsigned(v[i]) << 8 * i;
      pixels.y |= unsigned(v[4 + i]) << 8 * i;
    }
    const BlockCorner at = corner_of(task.frame.layout, block);
    if (at.x < task.frame.layout.width && at.y + line < task.frame.layout.height)
      *reinterpret_cast<uint2*>(task.to.d_pixels + size_t(at.y + line) * unsigned(task.to.pitch) +
                                at.x) = pixels;
  }
  if (!even) task.d_state->uneven = 1;
  if (!is_last(task.d_state->transformed) || threadIdx.x != 0) return;
  const bool uneven = task.d_state->uneven != 0;
  task.d_state->uneven = 0;
  __threadfence_system();
  *static_cast<volatile uint32_t*>(task.verdict) =
      uneven ? LumaDecoder::kUneven : LumaDecoder::kEven;
  __threadfence_system();
}

unsigned blocks_for(size_t count, unsigned each) { return unsigned((count + each - 1) / each); }

}  // namespace

void add_luma(const LumaTask& task, bool overlap, Launches& launches) {
  const unsigned shared = task.table_entries * unsigned(sizeof(uint32_t));
  add_kernel(launches, walk_kernel, task.chunks, kChunk * kGuesses, shared, false, task);
  add_kernel(launches, write_kernel, blocks_for(task.chunks * kOwn, kWriters), kLoaders, shared,
             overlap, task);
  add_kernel(launches, transform_kernel, blocks_for(task.frame.luma_blocks(), kTransformed),
             kTransformers, 0, overlap, task);
}

}  // namespace lk::cuda
