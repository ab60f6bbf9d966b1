// Jobs for queues, light ones and such as take minutes.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "calls.h"
#include "check.h"
#include "lkstream.h"
#include "pictures.h"

constexpr uint32_t kHeavyPoints = 1000000;

inline const lk_flow_options kFlow{21, 21, 3, 30, 0.01f, 1e-4f, 0};
// Minutes of work for so many points.
inline const lk_flow_options kHeavyFlow{63, 63, 8, 100, 0, 0, 0};
inline const lk_detect_options kDetect{200, 0.01f, 8, 3, 3, 0, 0.04f};

inline lk_engine* g_engine;

// The lightest job.
inline const lk_job kForget = [] {
  lk_job job{};
  job.kind = LK_RESET;
  return job;
}();

struct Lists {
  std::vector<float> points, next, errors, back;
  std::vector<uint8_t> status;

  explicit Lists(std::vector<float> given)
      : points(std::move(given)),
        next(points.size()),
        errors(points.size() / 2),
        back(points.size() / 2),
        status(points.size() / 2) {}
  lk_points view() {
    return {points.data(), nullptr,     next.data(),             status.data(),
            errors.data(), back.data(), uint32_t(status.size()), 0};
  }
  bool operator==(const Lists&) const = default;
};

inline std::vector<float> some_points(uint32_t n, int width, int height) {
  std::vector<float> points;
  Random random(n);
  for (uint32_t i = 0; i < n; ++i) {
    points.push_back(random.uniform(0, float(width)));
    points.push_back(random.uniform(0, float(height)));
  }
  return points;
}

inline lk_image view_of(const Picture& p) {
  return grey_image(p.pixels.data(), uint32_t(p.width), uint32_t(p.height), uint32_t(p.width));
}

struct Sequence {
  lk_sequence* handle = nullptr;

  Sequence() {
    CHECK_EQUAL(lk_sequence_create(g_engine, LK_MAX_PIXELS, &handle, nullptr, 0), LK_OK);
  }
  Sequence(const Sequence&) = delete;
  ~Sequence() { lk_sequence_destroy(handle); }
};

struct Queue {
  lk_queue* handle = nullptr;

  Queue() { CHECK_EQUAL(lk_queue_create(&handle, nullptr, 0), LK_OK); }
  Queue(const Queue&) = delete;
  ~Queue() { lk_queue_destroy(handle); }

  int32_t submit(const Sequence& sequence, lk_job job, uint32_t tag, uint32_t deadline_ms = 0) {
    job.tag = tag;
    job.deadline_ms = deadline_ms;
    return lk_queue_submit(handle, sequence.handle, &job, nullptr);
  }
  lk_completion next() {
    lk_completion done{};
    CHECK_EQUAL(lk_queue_wait(handle, &done, 1), 1u);
    return done;
  }
};

inline const Picture& noisy() {
  static const Picture picture = noise(640, 480, 1);
  return picture;
}

// Work on points for minutes, in a sequence that has a frame.
struct Heavy {
  Sequence sequence;
  Lists lists{some_points(kHeavyPoints, 640, 480)};

  Heavy() {
    lk_completion done;
    CHECK_EQUAL(run(sequence.handle, advance_job(view_of(noisy()), kFlow), done), LK_OK);
  }
  lk_job job() { return advance_job(view_of(noisy()), kHeavyFlow, lists.view()); }
};

inline uint32_t sequences_alive() {
  lk_counters counters{};
  lk_engine_counters(g_engine, &counters, sizeof counters);
  return counters.sequences;
}
