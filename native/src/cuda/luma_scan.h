// A baseline JPEG made ready for threads that decode its luma side by side
// (luma_steps.h): what its header says, its tables, and its coded data without the
// stuffing. Needs no CUDA.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "luma_steps.h"
#include "plain_jpeg.h"

namespace lk::cuda {

// Every code's entry (look_up), the tables one after the other.
class CodeTables {
 public:
  // Those of a file, in its order; false where some are not a code, or too large for
  // the shared memory of a GPU. Made only where they are not those of the file before.
  bool read(const PlainJpeg&, Blocks& blocks);

  const std::vector<uint32_t>& entries() const { return entries_; }
  // Changes with them.
  uint32_t version() const { return version_; }

 private:
  std::vector<uint8_t> source_;  // of the file before
  Blocks blocks_{};
  std::vector<uint32_t> entries_;
  uint32_t version_ = 0;
  bool valid_ = false;
};

struct LumaScan {
  // Reads the header. False where the file is for libjpeg; else at most words() words
  // are to be had for cut().
  bool open(const uint8_t* jpeg, size_t bytes);

  // Writes a LumaCut, and the coded data, each segment from the beginning of a substream
  // on, and zeros after it. Gives the number of substreams; 0 where it is for libjpeg.
  uint32_t cut(uint32_t* words);
  size_t words() const { return words_; }
  size_t used_words() const { return used_words_; }

  LumaFrame frame{};
  CodeTables tables;

 private:
  bool read_frame(const PlainJpeg&);

  const uint8_t *coded_ = nullptr, *end_ = nullptr;
  size_t words_ = 0, used_words_ = 0, segments_wanted_ = 0;
  std::vector<Segment> segments_;
};

// Zigzag order (ITU-T T.81, figure A.6), as Coefficients are placed.
extern const uint8_t kPlaceOfZigzag[64];

}  // namespace lk::cuda
