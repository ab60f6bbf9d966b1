#include "corners.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <functional>

namespace lk::cuda {

void CornerDetector::detect(const DeviceImage& image, const DetectRequest& request,
                            cudaStream_t stream, const Wait& wait) {
  choice_.start(request, image.width, image.height);
  // The outermost pixels are no corners.
  if (choice_.wanted() == 0 || image.width < 3 || image.height < 3) return choice_.finish();
  const size_t pixels = size_t(image.width) * size_t(image.height);

  const auto& options = request.options;
  const uint8_t* d_mask = nullptr;
  if (request.mask.data) {
    uint8_t* staging = mask_staging_.reserve(pixels);
    for (int y = 0; y < image.height; ++y)
      std::memcpy(staging + size_t(y) * size_t(image.width), request.mask.row(y),
                  size_t(image.width));
    d_mask = mask_.reserve(pixels);
    check(cudaMemcpyAsync(mask_.data(), staging, pixels, cudaMemcpyHostToDevice, stream),
          "copy the mask");
  }

  Counts* d_counts = counts_.reserve(1);
  const bool usual = options.gradient_size == 3 && options.block_size == 3;
  float* d_scores = scores_.reserve(pixels);
  check(cudaMemsetAsync(d_counts, 0, offsetof(Counts, places), stream), "clear the counts");
  launch_scores({image, d_mask, options, usual ? nullptr : gradients_.reserve(pixels), d_scores,
                 d_counts},
                stream);

  // One pixel in eight is more than even noise has local maxima.
  const auto capacity = unsigned(pixels / 8 + 4096);
  Candidate* d_candidates = candidates_.reserve(3 * size_t(capacity));
  Candidate* d_sorted = d_candidates + 2 * size_t(capacity);
  const unsigned first_count = std::min(capacity, std::max(8192u, std::min(choice_.wanted(), capacity) * 4));
  const Candidate* first = first_.reserve(first_count);
  const Summary& summary = *summary_.reserve(1);
  launch_pick({d_scores, d_mask, image.width, image.height, options.quality_level, d_counts,
               d_candidates, d_candidates + capacity, d_sorted, capacity, first_.data(),
               first_count, summary_.data()},
              stream);
  wait();

  const auto offer = [&](const Candidate* from, const Candidate* to) {
    for (; from != to && !choice_.is_complete(); ++from)
      choice_.offer(uint32_t(*from), std::bit_cast<float>(uint32_t(*from >> 32)));
  };
  if (summary.unsorted) {
    collect_on_host(image, request, stream, wait);
    offer(rest_.data(), rest_.data() + rest_.size());
  } else {
    const unsigned found = summary.found;
    offer(first, first + std::min(found, first_count));
    if (!choice_.is_complete() && found > first_count) {
      rest_.resize(found - first_count);
      check(cudaMemcpyAsync(rest_.data(), d_sorted + first_count,
                            rest_.size() * sizeof(Candidate), cudaMemcpyDeviceToHost, stream),
            "copy the candidates");
      wait();
      offer(rest_.data(), rest_.data() + rest_.size());
    }
  }
  choice_.finish();
}

// For pictures with thousands of equal scores: drawn ones, test patterns.
void CornerDetector::collect_on_host(const DeviceImage& image, const DetectRequest& request,
                                     cudaStream_t stream, const Wait& wait) {
  const int width = image.width, height = image.height;
  host_scores_.resize(size_t(width) * size_t(height));
  check(cudaMemcpyAsync(host_scores_.data(), scores_.data(), host_scores_.size() * sizeof(float),
                        cudaMemcpyDeviceToHost, stream),
        "copy the scores");
  wait();
  const float threshold = std::bit_cast<float>(summary_.data()->best) *
                          request.options.quality_level;
  rest_.clear();
  for (int y = 1; y < height - 1; ++y) {
    const float* row = host_scores_.data() + size_t(y) * size_t(width);
    const uint8_t* mask = request.mask.data ? request.mask.row(y) : nullptr;
    for (int x = 1; x < width - 1; ++x) {
      const float score = row[x];
      if (!(score > threshold) || (mask && !mask[x])) continue;
      float around = score;
      for (const float* r : {row - width, row, row + width})
        around = std::max({around, r[x - 1], r[x], r[x + 1]});
      if (score >= around)
        rest_.push_back(Candidate(std::bit_cast<uint32_t>(score)) << 32 |
                        (uint32_t(y) * uint32_t(width) + uint32_t(x)));
    }
  }
  std::sort(rest_.begin(), rest_.end(), std::greater<>());
}

}  // namespace lk::cuda
