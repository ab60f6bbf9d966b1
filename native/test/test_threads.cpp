// Many sequences on one engine, in threads: each gives what it gives alone.
#include <thread>

#include "calls.h"
#include "check.h"
#include "lkstream.h"
#include "pictures.h"

namespace {

const lk_flow_options kFlow{15, 15, 2, 20, 0.01f, 1e-4f, 0};
const lk_detect_options kDetect{60, 0.01f, 8, 3, 3, 0, 0.04f};

// Detects, then follows through a few frames; the last places are the result.
std::vector<float> track(lk_engine* engine, int which) {
  lk_sequence* sequence = nullptr;
  if (lk_sequence_create(engine, 1 << 20, &sequence, nullptr, 0)) return {};
  std::vector<float> points(2 * 60), next(points.size()), errors(60), back(60);
  std::vector<uint8_t> status(60);
  uint32_t n = 0;
  lk_frame frame;
  for (int i = 0; i < 5; ++i) {
    const auto jpeg = jpeg_of(waves(160 + 8 * which, 120, i * 1.3, i * -.7), Jpeg::kColour);
    if (advance_jpeg(sequence, jpeg.data(), uint32_t(jpeg.size()), &kFlow,
                                 points.data(), n, nullptr, next.data(), status.data(),
                                 errors.data(), back.data(), &frame))
      return {};
    if (!frame.reset) points.swap(next);
    else if (detect_corners(sequence, &kDetect, nullptr, 0, nullptr, 0, 0, 0, points.data(),
                                nullptr, 60, &n, nullptr))
      return {};
  }
  lk_sequence_destroy(sequence);
  points.resize(2 * n);
  return points;
}

}  // namespace

int main() {
  constexpr int kThreads = 8;
  lk_engine* engine = nullptr;
  if (lk_engine_create("cpu", nullptr, &engine, nullptr, 0)) return 1;
  std::vector<std::vector<float>> alone(kThreads), together(kThreads);
  for (int i = 0; i < kThreads; ++i) alone[size_t(i)] = track(engine, i);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 3; ++round) together[size_t(i)] = track(engine, i);
    });
  for (auto& t : threads) t.join();
  for (int i = 0; i < kThreads; ++i) {
    CHECK(!alone[size_t(i)].empty());
    CHECK(alone[size_t(i)] == together[size_t(i)]);
  }
  lk_engine_destroy(engine);
  return finish("test_threads");
}
