#include "luma.h"

#include <cstring>

#include "cuda_check.h"

namespace lk::cuda {

const uint32_t* LumaDecoder::upload(const CodeTables& tables, cudaStream_t stream) {
  if (version_ == tables.version()) return d_tables_.data();
  version_ = 0;
  const auto& entries = tables.entries();
  const size_t bytes = entries.size() * sizeof(uint32_t);
  uint32_t* staging = tables_.reserve(entries.size());
  uint32_t* d_tables = d_tables_.reserve(entries.size());
  std::memcpy(staging, entries.data(), bytes);
  check(cudaMemcpyAsync(d_tables, staging, bytes, cudaMemcpyHostToDevice, stream),
        "copy the tables of a JPEG");
  version_ = tables.version();
  return d_tables;
}

bool LumaDecoder::add(LumaScan& scan, const DeviceImage& to, bool overlap, Launches& launches,
                      cudaStream_t stream) {
  uint32_t* const words = words_.reserve(scan.words());
  const uint32_t substreams = scan.cut(words);
  if (substreams == 0) return false;
  if (!d_state_.data())
    check(cudaMemsetAsync(d_state_.reserve(1), 0, sizeof(LumaState), stream), "clear a decoder");
  const uint32_t chunks = chunks_.enough_for((substreams + kOwn - 1) / kOwn);
  uint32_t* const d_words = d_words_.reserve(scan.words());
  const LumaTask task{scan.frame,
                      chunks,
                      uint32_t(scan.tables.entries().size()),
                      upload(scan.tables, stream),
                      reinterpret_cast<const LumaCut*>(d_words),
                      d_steps_.reserve(size_t(chunks) * kGuesses * kOwn),
                      d_ways_.reserve(chunks),
                      d_taken_.reserve(chunks),
                      d_coefficients_.reserve(size_t(scan.frame.luma_blocks()) * 64),
                      d_state_.data(),
                      verdict_.reserve(1),
                      to};
  __atomic_store_n(task.verdict, uint32_t(kUnknown), __ATOMIC_RELAXED);
  // Kernels that read it through the bus as it lies take 12 µs more.
  check(cudaMemcpyAsync(d_words, words, scan.used_words() * sizeof(uint32_t),
                        cudaMemcpyHostToDevice, stream),
        "copy a JPEG");
  add_luma(task, overlap, launches);
  return true;
}

LumaDecoder::Verdict LumaDecoder::verdict() const {
  return Verdict(__atomic_load_n(verdict_.data(), __ATOMIC_ACQUIRE));
}

}  // namespace lk::cuda
