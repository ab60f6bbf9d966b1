// The luma of a baseline JPEG, decoded by the GPU's own cores straight into device
// memory (luma_steps.h tells how).
#pragma once

#include <cuda_runtime_api.h>

#include <type_traits>

#include "device_image.h"
#include "launches.h"
#include "luma_scan.h"
#include "memory.h"
#include "steady.h"

namespace lk::cuda {

// Which way leads through a chunk, and what came before the chunk in its segment.
struct Taken {
  uint32_t way;
  Sums before;
};

// What passes between the blocks of threads of one frame; 0 before and after.
struct LumaState {
  uint32_t walked, transformed;  // blocks that are through
  uint32_t uneven;
};

struct LumaTask {
  LumaFrame frame;
  uint32_t chunks;  // of the file, or more
  uint32_t table_entries;
  const uint32_t* d_tables;
  const LumaCut* d_cut;
  Step* d_steps;            // kGuesses times kOwn for each chunk
  Ways* d_ways;             // one for each chunk,
  Taken* d_taken;           // and again
  int16_t* d_coefficients;
  LumaState* d_state;
  uint32_t* verdict;  // pinned; LumaDecoder::Verdict
  DeviceImage to;
};
static_assert(std::has_unique_object_representations_v<LumaTask>);

// Before what comes after it, the verdict is there, and the pixels are.
void add_luma(const LumaTask&, bool overlap, Launches&);

// What a sequence decodes its files with, one at a time.
class LumaDecoder {
 public:
  enum Verdict : uint32_t { kUnknown, kEven, kUneven };

  // Adds the decoding of a file that was opened to an image of its size, and gives the file
  // to the stream. False, and neither is done, where the file is for libjpeg. What was added
  // before must be done.
  bool add(LumaScan&, const DeviceImage&, bool overlap, Launches&, cudaStream_t);

  // Of what was added: kUnknown until it is decoded. If it is uneven, the image holds
  // nothing that may be used.
  Verdict verdict() const;

 private:
  const uint32_t* upload(const CodeTables&, cudaStream_t);

  // Of one file after the other, which mostly are the same.
  PinnedBuffer<uint32_t> tables_;
  DeviceBuffer<uint32_t> d_tables_;
  uint32_t version_ = 0;

  PinnedBuffer<uint32_t> words_;
  PinnedBuffer<uint32_t> verdict_;
  DeviceBuffer<uint32_t> d_words_;
  DeviceBuffer<Step> d_steps_;
  DeviceBuffer<Ways> d_ways_;
  DeviceBuffer<Taken> d_taken_;
  DeviceBuffer<int16_t> d_coefficients_;
  DeviceBuffer<LumaState> d_state_;
  Steady chunks_;
};

}  // namespace lk::cuda
