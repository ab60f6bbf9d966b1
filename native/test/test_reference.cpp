// Both engines, as their callers have them, against the reference.
#include <cstring>
#include <string>

#include "calls.h"
#include "check.h"
#include "lkstream.h"
#include "pictures.h"
#include "reference/corners.h"
#include "reference/flow.h"
#include "reference/windows.h"

namespace {

constexpr int kWidth = 160, kHeight = 121;

struct Sequence {
  lk_sequence* handle = nullptr;

  explicit Sequence(lk_engine* engine) {
    CHECK_EQUAL(lk_sequence_create(engine, LK_MAX_PIXELS, &handle, nullptr, 0), LK_OK);
  }
  ~Sequence() { lk_sequence_destroy(handle); }
};

lk_image view(const Picture& p) {
  return grey_image(p.pixels.data(), uint32_t(p.width), uint32_t(p.height), uint32_t(p.width));
}

void points_are_where_the_reference_finds_them(lk_engine* engine, const lk_flow_options& o) {
  const Picture first = waves(kWidth, kHeight), second = waves(kWidth, kHeight, 2.3, -1.6);
  constexpr uint32_t kPoints = 60;
  std::vector<float> points, next(2 * kPoints), errors(kPoints);
  std::vector<uint8_t> status(kPoints);
  Random random(7);
  for (uint32_t i = 0; i < kPoints; ++i) {  // some of them outside
    points.push_back(random.uniform(-20, kWidth + 20));
    points.push_back(random.uniform(-20, kHeight + 20));
  }
  Sequence s(engine);
  lk_frame frame;
  CHECK_EQUAL(advance(s.handle, view(first), o, nullptr, 0, nullptr, nullptr, nullptr, nullptr,
                      nullptr, &frame),
              LK_OK);
  CHECK_EQUAL(advance(s.handle, view(second), o, points.data(), kPoints, nullptr, next.data(),
                      status.data(), errors.data(), nullptr, &frame),
              LK_OK);
  const auto prev = reference::pyramid_of(first, o), then = reference::pyramid_of(second, o);
  uint32_t tracked = 0, other_status = 0, far = 0;
  for (uint32_t i = 0; i < kPoints; ++i) {
    const float x = points[2 * i], y = points[2 * i + 1];
    const auto expected = reference::follow(prev, then, o, {x, y, x, y, 0, 0});
    other_status += status[i] != expected.status;
    if (status[i] != LK_TRACKED || expected.status != LK_TRACKED) continue;
    ++tracked;
    far += std::hypot(next[2 * i] - expected.next_x, next[2 * i + 1] - expected.next_y) > .005f ||
           std::abs(errors[i] - expected.error) > .02f;
  }
  CHECK(tracked > kPoints / 3);
  CHECK_EQUAL(other_status, 0u);
  CHECK(far <= kPoints / 20);  // a search that ends just under epsilon may end a step later
}

void corners_are_the_reference_s(lk_engine* engine, const lk_detect_options& o, bool masked) {
  const Picture picture = waves(kWidth, kHeight);
  Picture mask(kWidth, kHeight);
  for (int y = 0; y < kHeight; ++y)
    for (int x = 0; x < kWidth; ++x) mask.at(x, y) = (x + 2 * y) % 50 < 30;
  const std::vector<float> avoid{40, 40, 90.5f, 60.25f};
  Sequence s(engine);
  lk_frame frame;
  CHECK_EQUAL(advance(s.handle, view(picture), {21, 21, 3, 30, 0.01f, 1e-4f, 0}, nullptr, 0,
                      nullptr, nullptr, nullptr, nullptr, nullptr, &frame),
              LK_OK);
  std::vector<float> corners(2000), scores(1000);
  lk_completion done;
  CHECK_EQUAL(run(s.handle,
                  detect_job(o, {avoid.data(), corners.data(), scores.data(), 2, 1000},
                             masked ? view(mask) : lk_image{}),
                  done),
              LK_OK);
  std::vector<reference::Corner> found;
  for (uint32_t i = 0; i < done.detected.count; ++i)
    found.push_back({corners[2 * i], corners[2 * i + 1], scores[i]});
  CHECK(found.size() > 10);
  CHECK(found == reference::corners_of(picture, o, avoid, masked ? &mask : nullptr));
}

// Windows of one picture, in one that is turned, larger, brighter and of less contrast,
// and in one that has nothing to do with it.
void windows_fit_as_the_reference_says(lk_engine* engine, uint32_t width, uint32_t height) {
  const Picture then = waves(kWidth, kHeight);
  Picture turned(kWidth, kHeight);
  const double cos = std::cos(.06) * .97, sin = std::sin(.06) * .97;
  for (int y = 0; y < kHeight; ++y)
    for (int x = 0; x < kWidth; ++x) {
      const double u = x - 80, v = y - 60;
      turned.at(x, y) = uint8_t(std::lrint(
          40 + .7 * reference::between(then, 80 + cos * u + sin * v, 60 + cos * v - sin * u)));
    }
  constexpr uint32_t kPoints = 40;
  std::vector<float> found, at;
  Random random(11);
  for (uint32_t i = 0; i < kPoints; ++i) {
    const float x = random.uniform(5, kWidth - 5), y = random.uniform(5, kHeight - 5);
    const double u = x - 80, v = y - 60, scale = 1 / (cos * cos + sin * sin);
    found.insert(found.end(), {x, y});
    at.push_back(float(80 + (cos * u - sin * v) * scale + random.uniform(-1, 1)));
    at.push_back(float(60 + (cos * v + sin * u) * scale + random.uniform(-1, 1)));
  }
  Sequence s(engine);
  const lk_flow_options o{21, 21, 0, 30, 0.01f, 1e-4f, 0};
  const auto take_frame = [&](const Picture& p) {
    lk_frame frame;
    CHECK_EQUAL(advance(s.handle, view(p), o, nullptr, 0, nullptr, nullptr, nullptr, nullptr,
                        nullptr, &frame),
                LK_OK);
  };
  std::vector<uint8_t> pixels(kPoints * window_bytes(width, height));
  std::vector<float> warps(6 * kPoints), residuals(kPoints);
  const lk_windows lists{at.data(),        found.data(), pixels.data(), warps.data(),
                         residuals.data(), kPoints,      width,         height,
                         0};
  lk_windows taken = lists;
  taken.points = found.data();
  lk_completion done;
  take_frame(then);
  CHECK_EQUAL(run(s.handle, windows_job(LK_TAKE, taken), done), LK_OK);
  for (const bool is_other : {false, true}) {
    const Picture now = is_other ? noise(kWidth, kHeight, 5) : turned;
    take_frame(now);
    for (uint32_t i = 0; i < kPoints; ++i)
      for (uint32_t k = 0; k < 6; ++k) warps[6 * i + k] = k == 0 || k == 3;
    CHECK_EQUAL(run(s.handle, windows_job(LK_COMPARE, lists), done), LK_OK);
    uint32_t compared = 0, wrong = 0, well = 0;
    for (uint32_t i = 0; i < kPoints; ++i) {
      reference::Affine motion;
      const double left = std::floor(found[2 * i] - (width - 1) * .5) - 1;
      const double top = std::floor(found[2 * i + 1] - (height - 1) * .5) - 1;
      const bool is_whole = left >= 0 && top >= 0 && left + width + 3 <= kWidth &&
                            top + height + 3 <= kHeight;
      const double expected =
          is_whole ? reference::compare(then, found[2 * i], found[2 * i + 1], now, at[2 * i],
                                        at[2 * i + 1], int(width), int(height), motion)
                   : std::nan("");
      wrong += std::isnan(expected) != std::isnan(residuals[i]);
      if (std::isnan(expected) || std::isnan(residuals[i])) continue;
      const double motions[] = {motion.a, motion.b, motion.c, motion.d, motion.x, motion.y};
      for (size_t k = 0; k < 6; ++k) wrong += std::abs(motions[k] - warps[6 * i + k]) > 1e-4;
      wrong += std::abs(expected - residuals[i]) > 1e-4;
      ++compared;
      well += residuals[i] < .1f;
    }
    CHECK(compared > kPoints / 3);
    CHECK_EQUAL(wrong, 0u);
    if (is_other) CHECK_EQUAL(well, 0u);
    else CHECK(well > compared * 9 / 10);
  }
}

void test(lk_engine* engine) {
  std::printf("%s, %s\n", lk_engine_name(engine), lk_engine_variant(engine));
  for (const auto& o : {lk_flow_options{21, 21, 3, 30, 0.01f, 1e-4f, 0},
                        lk_flow_options{15, 9, 2, 10, 0.03f, 1e-3f, 0},
                        lk_flow_options{31, 31, 8, 30, 0.01f, 1e-4f, 0}})
    points_are_where_the_reference_finds_them(engine, o);
  for (const auto& [width, height] : {std::pair{21u, 21u}, {31u, 12u}, {14u, 31u}})
    windows_fit_as_the_reference_says(engine, width, height);
  for (const bool masked : {false, true})
    for (const auto& o : {lk_detect_options{200, 0.01f, 8, 3, 3, 0, 0.04f},
                          lk_detect_options{500, 0.001f, 0, 5, 5, 1, 0.05f},
                          lk_detect_options{100, 0.01f, 4, 4, 7, 0, 0.04f}})
      corners_are_the_reference_s(engine, o, masked);
}

}  // namespace

int main() {
  for (const char* kind : {"cpu", "cuda"}) {
    lk_engine* engine = nullptr;
    char text[256] = "";
    const int32_t status = lk_engine_create(kind, nullptr, &engine, text, sizeof text);
    if (status == LK_UNAVAILABLE && std::string(kind) == "cuda") {
      std::printf("cuda is left out: %s\n", text);
      continue;
    }
    CHECK_EQUAL(status, LK_OK);
    test(engine);
    lk_engine_destroy(engine);
  }
  return finish("test_reference");
}
