#include "corners.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "../mirrored.h"

namespace lk {
namespace {

// Fills `left` values before and `right` values after a row of n by mirroring.
template <class T>
void mirror_ends(T* row, int n, int left, int right) {
  for (int i = 1; i <= left; ++i) row[-i] = row[mirrored(-i, n)];
  for (int i = 0; i < right; ++i) row[n + i] = row[mirrored(n + i, n)];
}

// Rows by their number, of which the last few are kept.
template <class T>
struct Ring {
  T* data;
  size_t pitch, margin;
  int rows;

  T* operator[](int y) const { return data + size_t(y % rows) * pitch + margin; }
};

// One walk down the image. Sum holds the sums of products exactly.
template <class Sum>
struct Scan {
  const Image& image;
  const lk_detect_options& options;
  const CornerKernels<Sum>& kernels;
  int width, height, block, before, after;  // the block covers y - before .. y + after
  float scale;
  Ring<uint8_t> rows;    // of the image, mirrored at both ends
  Ring<Sum> products;    // three to a row of the image: dx², dx·dy, dy²
  Ring<Sum> sums;        // three: products summed down the block
  Sum* scratch;
  int rows_taken = 0, products_taken = 0;

  void take_products(int y) {
    const int radius = int(options.gradient_size) / 2;
    for (; rows_taken <= std::min(y + radius, height - 1); ++rows_taken) {
      std::memcpy(rows[rows_taken], image.row(rows_taken), width);
      mirror_ends(rows[rows_taken], width, radius, radius);
    }
    const uint8_t* r[7];
    for (int i = 0; i <= 2 * radius; ++i) r[i] = rows[mirrored(y - radius + i, height)];
    Sum* out[3];
    for (int i = 0; i < 3; ++i) out[i] = products[3 * y + i];
    kernels.products(r, int(options.gradient_size), width, out);
  }

  // Scores of row y; rows must be asked for from the top, one by one.
  void score_row(int y, float* out) {
    for (; products_taken <= std::min(y + before, height - 1); ++products_taken)
      take_products(products_taken);
    const Sum* s[3];
    for (int i = 0; i < 3; ++i) {
      if (y == 0) {
        std::fill_n(sums[i], width, Sum(0));
        for (int j = -before; j <= after; ++j) {
          const Sum* added = products[3 * mirrored(j, height) + i];
          for (int x = 0; x < width; ++x) sums[i][x] += added[x];
        }
      } else {
        kernels.slide(products[3 * mirrored(y + after, height) + i],
                      products[3 * mirrored(y - 1 - before, height) + i], width, sums[i]);
      }
      mirror_ends(sums[i], width, before, after);
      s[i] = sums[i] - before;
    }
    kernels.scores(s, width, scale, options, scratch, out);
  }
};

}  // namespace

void CornerDetector::detect(const Image& image, const DetectRequest& request,
                            const Kernels& kernels, Turn& turn) {
  *request.count = 0;
  candidates_.clear();
  if (image.width < 3 || image.height < 3) return;  // the outermost pixels are no corners
  // Products of 3 × 3 Sobel gradients are at most 1020²: up to 4 × 4 of them
  // stay under 2^24, where floats hold every whole number.
  if (request.options.gradient_size == 3 && request.options.block_size <= 4)
    collect<float>(image, request, kernels, kernels.corners_f32, turn);
  else
    collect<double>(image, request, kernels, kernels.corners_f64, turn);
  pick(image, request, turn);
}

template <class Sum>
void CornerDetector::collect(const Image& image, const DetectRequest& request,
                             const Kernels& kernels, const CornerKernels<Sum>& rows,
                             Turn& turn) {
  const auto& options = request.options;
  const int width = image.width, height = image.height, block = int(options.block_size);
  const size_t pitch = (size_t(width) + 2 * LK_MAX_BLOCK_SIZE + 63) & ~size_t(63);
  const int product_rows = 3 * (block + 2);

  // Room for all rings: pixels and hits; scores; products, sums and scratch.
  bytes_.resize(9 * pitch);
  floats_.resize(4 * pitch);
  const size_t sums = size_t(product_rows + 3 + 3) * pitch;
  Sum* memory;
  if constexpr (std::is_same_v<Sum, float>) {
    floats_.resize(4 * pitch + sums);
    memory = floats_.data() + 4 * pitch;
  } else {
    doubles_.resize(sums);
    memory = doubles_.data();
  }
  const size_t margin = LK_MAX_BLOCK_SIZE / 2 + 1;
  const double scale = 1. / (double(1 << (options.gradient_size - 1)) * block * 255.);
  Scan<Sum> scan{image,
                 options,
                 rows,
                 width,
                 height,
                 block,
                 block / 2,
                 block - 1 - block / 2,
                 float(scale * scale),
                 {bytes_.data(), pitch, margin, 8},
                 {memory, pitch, margin, product_rows},
                 {memory + product_rows * pitch, pitch, margin, 3},
                 memory + (product_rows + 3) * pitch};
  const Ring<float> scores{floats_.data(), pitch, 0, 3};
  float* column = floats_.data() + 3 * pitch;
  uint8_t* hits = bytes_.data() + 8 * pitch;

  float best = 0;
  for (int y = 0; y < height; ++y) {
    turn.look();
    scan.score_row(y, scores[y]);
    best = kernels.row_max(scores[y], request.mask.data ? request.mask.row(y) : nullptr, width,
                           best);
    if (y < 2) continue;
    // The best score so far gives a threshold that can only be too low.
    const int middle = y - 1;
    kernels.local_maxima(scores[y - 2], scores[middle], scores[y], width,
                         best * options.quality_level, column, hits);
    const uint8_t* mask = request.mask.data ? request.mask.row(middle) : nullptr;
    for (int x = 1; x < width - 1;) {
      uint64_t eight;
      if (x + 8 <= width - 1 && (std::memcpy(&eight, hits + x, 8), eight == 0)) {
        x += 8;
        continue;
      }
      if (hits[x] && (!mask || mask[x]))
        candidates_.push_back({scores[middle][x], uint32_t(middle) * uint32_t(width) + x});
      ++x;
    }
  }
  const float threshold = best * options.quality_level;
  std::erase_if(candidates_, [=](const Candidate& c) { return !(c.score > threshold); });
}

void CornerDetector::pick(const Image& image, const DetectRequest& request, Turn& turn) {
  unsigned steps = 0;
  const auto look = [&] {
    if (++steps % 4096 == 0) turn.look();
  };
  const auto stronger = [&](const Candidate& a, const Candidate& b) {
    look();
    return a.score != b.score ? a.score > b.score : a.index > b.index;
  };
  choice_.start(request, image.width, image.height);
  // Usually a part of the candidates is enough, so they are sorted in parts.
  auto from = candidates_.begin();
  while (from != candidates_.end() && !choice_.is_complete()) {
    const auto part = std::min<ptrdiff_t>(candidates_.end() - from,
                                          2 * ptrdiff_t(choice_.wanted()) + 64);
    const auto to = from + part;
    if (to != candidates_.end()) std::nth_element(from, to, candidates_.end(), stronger);
    std::sort(from, to, stronger);
    for (; from != to && !choice_.is_complete(); ++from) {
      look();
      choice_.offer(from->index, from->score);
    }
  }
  choice_.finish();
}

}  // namespace lk
