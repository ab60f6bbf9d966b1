// The luma of a baseline JPEG, decoded by the GPU's own cores straight into device
// memory (luma_steps.h tells how).
#pragma once

#include <cuda_runtime_api.h>

#include "device_image.h"
#include "luma_scan.h"
#include "memory.h"

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
  uint32_t chunks;
  const uint32_t* d_tables;
  uint32_t table_entries;
  const uint32_t* d_words;  // as they were cut, with the segments behind them
  Step* d_steps;            // kGuesses times kOwn for each chunk
  Ways* d_ways;             // one for each chunk,
  Taken* d_taken;           // and again
  int16_t* d_coefficients;
  LumaState* d_state;
  uint32_t* verdict;  // pinned; LumaDecoder::Verdict
  DeviceImage to;
};

// Before what is launched after it, the verdict is there, and the pixels are.
void launch_luma(const LumaTask&, bool overlap, cudaStream_t);

// The tables of one file after the other, which mostly are the same.
class DeviceTables {
 public:
  // Queues copying those of a file to the device, if they are not there. What was
  // queued with this before must be done.
  const uint32_t* upload(const CodeTables&, cudaStream_t);

 private:
  PinnedBuffer<uint32_t> staging_;
  DeviceBuffer<uint32_t> entries_;
  uint32_t version_ = 0;
};

// Memory to decode a frame with; one frame at a time.
class LumaDecoder {
 public:
  enum Verdict : uint32_t { kUnknown, kEven, kUneven };

  // Queues the decoding of a file that was opened to an image of its size. False, and
  // nothing is queued, where the file is for libjpeg. What was queued before must be done.
  bool start(LumaScan&, DeviceTables&, const DeviceImage&, bool overlap, cudaStream_t);

  // Of what was started: kUnknown until it is decoded. If it is uneven, the image holds
  // nothing that may be used.
  Verdict verdict() const;

 private:
  PinnedBuffer<uint32_t> words_;
  PinnedBuffer<uint32_t> verdict_;
  DeviceBuffer<uint32_t> d_words_;
  DeviceBuffer<Step> d_steps_;
  DeviceBuffer<Ways> d_ways_;
  DeviceBuffer<Taken> d_taken_;
  DeviceBuffer<int16_t> d_coefficients_;
  DeviceBuffer<LumaState> d_state_;
};

}  // namespace lk::cuda
