// Any bytes as a series of jobs on one sequence: sizes, options, points, masks and
// JPEGs, right and wrong, run or submitted, and cancelled at once. Each job must
// answer with a known status.
#include <cstdlib>
#include <cstring>

#include "fuzz.h"
#include "calls.h"
#include "lkstream.h"
#include "pictures.h"

namespace {

constexpr uint32_t kMaxPoints = 40;

// Reads values from the input; zeros when it is used up.
struct Reader {
  const uint8_t* data;
  size_t left;

  uint8_t byte() {
    if (left == 0) return 0;
    --left;
    return *data++;
  }
  float number() {
    const uint8_t kind = byte();
    if (kind < 240) return float(kind) - 60 + float(byte()) / 256;
    uint8_t raw[4] = {byte(), byte(), byte(), byte()};  // anything, NaN too
    float v;
    std::memcpy(&v, raw, 4);
    return v;
  }
};

// Does a job in one of the ways there are, and says whether it is done.
bool is_done(lk_queue* queue, lk_sequence* sequence, lk_job job, uint8_t way,
             lk_completion& done) {
  const bool cancels = way % 4 == 3;
  if (way % 64 == 5) ++job.kind;
  if (way % 64 == 6) ++job.image.format;
  if (way % 64 == 7) job.image.bytes /= 2;
  if (way % 64 == 9) job.deadline_ms = 1;
  if (way % 2 == 0) {
    lk_sequence_run(sequence, &job, nullptr, &done);
  } else {
    if (lk_queue_submit(queue, sequence, &job, nullptr) != LK_OK) std::abort();
    if (cancels) lk_sequence_cancel(sequence);
    if (lk_queue_wait(queue, &done, 1) != 1) std::abort();
  }
  const bool was_taken_back = (cancels && done.status == LK_CANCELLED) ||
                              (job.deadline_ms > 0 && done.status == LK_DEADLINE);
  if (!was_taken_back && (done.status < LK_OK || done.status > LK_NO_FRAME ||
                          done.status == LK_OUT_OF_MEMORY))
    std::abort();
  return done.status == LK_OK;
}

lk_flow_options read_flow(Reader& in) {
  lk_flow_options o{in.byte() % 70u, in.byte() % 70u, in.byte() % 10u, in.byte() % 12u,
                    0.01f,           1e-4f,           in.byte() % 3u};
  if (in.byte() > 230) o.epsilon = in.number();
  if (in.byte() > 230) o.min_eig_threshold = in.number();
  return o;
}

lk_detect_options read_detect(Reader& in) {
  lk_detect_options o{in.byte() % 60u,  0.01f, float(in.byte() % 20), in.byte() % 34u,
                      in.byte() % 5u + 3u, in.byte() % 3u, 0.04f};
  if (in.byte() > 230) o.quality_level = in.number();
  if (in.byte() > 230) o.min_distance = in.number();
  if (in.byte() > 230) o.k = in.number();
  return o;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static lk_engine* engine = [] {
    lk_engine* e = nullptr;
    if (lk_engine_create("cpu", nullptr, &e, nullptr, 0)) std::abort();
    return e;
  }();
  static const std::vector<uint8_t> jpeg = jpeg_of(waves(90, 70), Jpeg::kColour);

  Reader in{data, size};
  lk_sequence* sequence = nullptr;
  lk_queue* queue = nullptr;
  if (lk_sequence_create(engine, 20000, &sequence, nullptr, 0)) std::abort();
  if (lk_queue_create(&queue, nullptr, 0)) std::abort();
  std::vector<float> points(2 * kMaxPoints), next(2 * kMaxPoints), errors(kMaxPoints),
      back(kMaxPoints);
  std::vector<uint8_t> status(kMaxPoints);
  uint32_t n = 0;
  lk_completion done;
  const auto lists = [&](bool guesses, bool with_back) {
    return lk_points{points.data(), guesses ? points.data() : nullptr, next.data(),
                     status.data(), errors.data(), with_back ? back.data() : nullptr, n, 0};
  };
  for (int call = 0; call < 12 && in.left > 0; ++call) {
    const uint8_t what = in.byte();
    if (what % 4 == 0) {
      const auto o = read_detect(in);
      const uint32_t width = in.byte(), height = in.byte();
      std::vector<uint8_t> mask(size_t(width) * height, uint8_t(what >> 2));
      const bool use_mask = (what & 64) && !mask.empty();
      const lk_corners room{points.data(), next.data(), errors.data(), n, kMaxPoints};
      const lk_image image =
          use_mask ? grey_image(mask.data(), width, height, width) : lk_image{};
      if (is_done(queue, sequence, detect_job(o, room, image), in.byte(), done)) {
        n = done.detected.count;
        std::swap(points, next);
      }
    } else if (what % 4 == 1) {
      auto bytes = jpeg;
      for (int i = what >> 6; i > 0; --i)
        bytes[(size_t(in.byte()) << 8 | in.byte()) % bytes.size()] = in.byte();
      const auto o = read_flow(in);
      const lk_image image = jpeg_image(bytes.data(), uint32_t(bytes.size()));
      is_done(queue, sequence, advance_job(image, o, lists(what & 8, true)), in.byte(), done);
    } else if (what % 4 == 2) {
      const uint32_t width = in.byte(), height = in.byte() / 2, stride = width + in.byte() % 8;
      std::vector<uint8_t> pixels(size_t(stride) * height + 1);
      Random random(what);
      for (auto& p : pixels) p = uint8_t(random.below(256));
      const auto o = read_flow(in);
      const lk_image image = grey_image(pixels.data(), width, height, stride);
      is_done(queue, sequence, advance_job(image, o, lists(false, what & 16)), in.byte(), done);
    } else if (what & 128) {
      reset(sequence);
    } else if (what & 64) {
      const uint32_t width = in.byte() % 34, height = in.byte() % 34;
      std::vector<uint8_t> windows(kMaxPoints * window_bytes(width, height), what);
      std::vector<float> warps(6 * kMaxPoints);
      for (uint32_t i = 0; i < n; ++i) warps[6 * i] = warps[6 * i + 3] = 1;
      for (int i = what >> 4 & 3; i > 0; --i) warps[in.byte() % warps.size()] = in.number();
      const lk_windows kept{points.data(), next.data(),   windows.data(), warps.data(),
                            errors.data(), n,             width,          height,
                            what & 8u};
      is_done(queue, sequence, windows_job(LK_TAKE, kept), in.byte(), done);
      is_done(queue, sequence, windows_job(LK_COMPARE, kept), in.byte(), done);
    } else {
      n = in.byte() % (kMaxPoints + 1);
      for (uint32_t i = 0; i < 2 * n; ++i) points[i] = in.number();
    }
  }
  lk_sequence_destroy(sequence);
  lk_queue_destroy(queue);
  return 0;
}

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  // Points, a frame, a frame, corners, a frame, in bytes that mean just that.
  std::vector<std::vector<uint8_t>> seeds;
  for (uint8_t i = 0; i < 24; ++i) {
    std::vector<uint8_t> s;
    const auto flow = [&] {
      for (const int v : {9 + i * 2, 21, 3, 10, 0, 0, 0, i % 4}) s.push_back(uint8_t(v));
    };
    s.insert(s.end(), {3, 6, 70, 0, 80, 1, 100, 20, 90, 9, 61, 0, 62, 0, 130, 4, 99, 4, 75, 0, 77, 3, 140, 0, 61, 0});
    for (int k = 0; k < 2; ++k) {
      s.push_back(1);
      flow();
    }
    for (int k = 0; k < 2; ++k) {
      s.insert(s.end(), {uint8_t(2 + 4 * (i % 8)), uint8_t(60 + i * 3), 150, 3});
      flow();
    }
    s.insert(s.end(), {uint8_t(i % 2 ? 68 : 0), 30, 5, 3, 0, 0, 0, 0, 0, 90, 70, uint8_t(i % 4)});
    s.push_back(1);
    flow();
    s.insert(s.end(), {uint8_t(67 + 16 * (i % 4)), uint8_t(3 + i), 21, 0, 1, 2, 3, 4, 5, 6});
    seeds.push_back(s);
  }
  return seeds;
}
