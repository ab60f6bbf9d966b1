#include "luma.h"

#include <cstring>

#include "cuda_check.h"

namespace lk::cuda {

const uint32_t* DeviceTables::upload(const CodeTables& tables, cudaStream_t stream) {
  if (version_ == tables.version()) return entries_.data();
  version_ = 0;
  const auto& entries = tables.entries();
  const size_t bytes = entries.size() * sizeof(uint32_t);
  uint32_t* staging = staging_.reserve(entries.size());
  uint32_t* d_entries = entries_.reserve(entries.size());
  std::memcpy(staging, entries.data(), bytes);
  check(cudaMemcpyAsync(d_entries, staging, bytes, cudaMemcpyHostToDevice, stream),
        "copy the tables of a JPEG");
  version_ = tables.version();
  return d_entries;
}

bool LumaDecoder::start(LumaScan& scan, DeviceTables& tables, const DeviceImage& to, bool overlap,
                        cudaStream_t stream) {
  uint32_t* words = words_.reserve(scan.words());
  if (!scan.cut(words)) return false;
  const LumaFrame& frame = scan.frame;
  const uint32_t chunks = (frame.substreams + kOwn - 1) / kOwn;
  if (!d_state_.data())
    check(cudaMemsetAsync(d_state_.reserve(1), 0, sizeof(LumaState), stream), "clear a decoder");
  const LumaTask task{frame,
                      chunks,
                      tables.upload(scan.tables, stream),
                      uint32_t(scan.tables.entries().size()),
                      d_words_.reserve(scan.words()),
                      d_steps_.reserve(size_t(chunks) * kGuesses * kOwn),
                      d_ways_.reserve(chunks),
                      d_taken_.reserve(chunks),
                      d_coefficients_.reserve(size_t(frame.luma_blocks()) * 64),
                      d_state_.data(),
                      verdict_.reserve(1),
                      to};
  __atomic_store_n(task.verdict, uint32_t(kUnknown), __ATOMIC_RELAXED);
  // Kernels that read it through the bus as it lies take 12 µs more.
  check(cudaMemcpyAsync(d_words_.data(), words, scan.used_words() * sizeof(uint32_t),
                        cudaMemcpyHostToDevice, stream),
        "copy a JPEG");
  launch_luma(task, overlap, stream);
  return true;
}

LumaDecoder::Verdict LumaDecoder::verdict() const {
  return Verdict(__atomic_load_n(verdict_.data(), __ATOMIC_ACQUIRE));
}

}  // namespace lk::cuda
