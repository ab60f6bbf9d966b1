// The C interface: what it promises, and how it refuses.
#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "calls.h"
#include "check.h"
#include "lkstream.h"
#include "pictures.h"

namespace {

constexpr uint32_t kMaxPixels = 1 << 20;

const lk_flow_options kFlow{21, 21, 3, 30, 0.01f, 1e-4f, 0};
const lk_detect_options kDetect{200, 0.01f, 8, 3, 3, 0, 0.04f};

lk_engine* g_engine;

struct Tracks {
  std::vector<float> points, next, errors, back;
  std::vector<uint8_t> status;
  lk_frame frame{};

  explicit Tracks(std::vector<float> p)
      : points(std::move(p)),
        next(points.size()),
        errors(points.size() / 2),
        back(points.size() / 2),
        status(points.size() / 2, 99) {}
  uint32_t n() const { return uint32_t(status.size()); }
};

struct Sequence {
  lk_sequence* handle = nullptr;

  Sequence() {
    CHECK_EQUAL(lk_sequence_create(g_engine, kMaxPixels, &handle, nullptr, 0), LK_OK);
  }
  ~Sequence() { lk_sequence_destroy(handle); }

  int32_t advance(const Picture& p, Tracks& t, const float* guesses = nullptr,
                  const lk_flow_options& options = kFlow) {
    return advance_grey(handle, p.pixels.data(), uint32_t(p.width), uint32_t(p.height),
                                    uint32_t(p.width), &options, t.points.data(), t.n(), guesses,
                                    t.next.data(), t.status.data(), t.errors.data(), t.back.data(),
                                    &t.frame);
  }
  int32_t advance(const std::vector<uint8_t>& jpeg, Tracks& t) {
    return advance_jpeg(handle, jpeg.data(), uint32_t(jpeg.size()), &kFlow,
                                    t.points.data(), t.n(), nullptr, t.next.data(),
                                    t.status.data(), t.errors.data(), t.back.data(), &t.frame);
  }
  std::vector<float> detect(const lk_detect_options& options = kDetect) {
    std::vector<float> corners(2 * 1000);
    uint32_t count = 0;
    CHECK_EQUAL(detect_corners(handle, &options, nullptr, 0, nullptr, 0, 0, 0, corners.data(),
                                   nullptr, 1000, &count, nullptr),
                LK_OK);
    corners.resize(2 * count);
    return corners;
  }
  std::string error() const { return last_error(); }
};

void check_shift(const Tracks& t, float dx, float dy, float tolerance) {
  uint32_t good = 0;
  for (uint32_t i = 0; i < t.n(); ++i)
    good += t.status[i] == LK_TRACKED &&
            std::abs(t.next[2 * i] - t.points[2 * i] - dx) < tolerance &&
            std::abs(t.next[2 * i + 1] - t.points[2 * i + 1] - dy) < tolerance;
  if (good * 10 < t.n() * 9) std::printf("%u of %u moved as they should\n", good, t.n());
  CHECK(good * 10 >= t.n() * 9);
}

std::vector<float> inner_corners(Sequence& s, float width, float height) {
  const auto all = s.detect();
  std::vector<float> inner;
  for (size_t i = 0; i < all.size(); i += 2)
    if (all[i] > 30 && all[i] < width - 30 && all[i + 1] > 30 && all[i + 1] < height - 30)
      inner.insert(inner.end(), {all[i], all[i + 1]});
  CHECK(inner.size() >= 40);
  return inner;
}

void test_versions() {
  CHECK_EQUAL(lk_abi_version(), LK_ABI_VERSION);
  CHECK_EQUAL(lk_sizeof_job(), sizeof(lk_job));
  CHECK_EQUAL(lk_sizeof_completion(), sizeof(lk_completion));
}

void test_engines() {
  CHECK(!std::strcmp(lk_engine_name(g_engine), "cpu"));
  CHECK(*lk_engine_device(g_engine) && *lk_engine_variant(g_engine));
  lk_engine* engine = g_engine;
  char text[200] = "";
  CHECK_EQUAL(lk_engine_create("tpu", nullptr, &engine, text, sizeof text), LK_INVALID_ARGUMENT);
  CHECK(engine == nullptr);
  CHECK(std::strstr(text, "tpu"));
  CHECK_EQUAL(lk_engine_create("cpu", "avx9000", &engine, text, sizeof text), LK_UNAVAILABLE);
  CHECK(std::strstr(text, "avx9000"));
  CHECK_EQUAL(lk_engine_create(nullptr, nullptr, &engine, nullptr, 0), LK_INVALID_ARGUMENT);
  CHECK_EQUAL(lk_engine_create("cpu", nullptr, nullptr, text, sizeof text), LK_INVALID_ARGUMENT);
  std::memset(text, 'x', sizeof text);
  CHECK_EQUAL(lk_engine_create("tpu", nullptr, &engine, text, 8), LK_INVALID_ARGUMENT);
  CHECK(text[7] == 0 && text[8] == 'x');
  lk_engine_destroy(nullptr);
  CHECK(!*lk_engine_name(nullptr) && !*lk_engine_device(nullptr) && !*lk_engine_variant(nullptr));

  // A sequence outlives the engine's handle.
  CHECK_EQUAL(lk_engine_create("cpu", "", &engine, text, sizeof text), LK_OK);
  lk_sequence* sequence = nullptr;
  CHECK_EQUAL(lk_sequence_create(engine, 100, &sequence, text, sizeof text), LK_OK);
  lk_engine_destroy(engine);
  lk_frame frame;
  const Picture p = noise(10, 10, 1);
  CHECK_EQUAL(advance_grey(sequence, p.pixels.data(), 10, 10, 10, &kFlow, nullptr, 0,
                                       nullptr, nullptr, nullptr, nullptr, nullptr, &frame),
              LK_OK);
  lk_sequence_destroy(sequence);
}

lk_counters counters() {
  lk_counters c{};
  CHECK_EQUAL(lk_engine_counters(g_engine, &c, sizeof c), LK_OK);
  return c;
}

void test_counters() {
  const lk_counters before = counters();
  CHECK_EQUAL(before.devices, 0u);
  Sequence s;
  Tracks none({});
  const auto jpeg = jpeg_of(noise(64, 48, 1), Jpeg::kColour);
  for (int i = 0; i < 3; ++i) CHECK_EQUAL(s.advance(jpeg, none), LK_OK);
  CHECK_EQUAL(s.advance(std::vector<uint8_t>(jpeg.begin(), jpeg.begin() + 20), none), LK_BAD_FRAME);
  CHECK_EQUAL(counters().jpegs_on_cpu, before.jpegs_on_cpu + 3);
  CHECK_EQUAL(counters().jpegs_on_gpu, 0u);
  // A caller with an older header is given what it knows.
  lk_counters part{};
  part.jpegs_on_cpu = 77;
  CHECK_EQUAL(lk_engine_counters(g_engine, &part, sizeof part.jpegs_on_gpu), LK_OK);
  CHECK_EQUAL(part.jpegs_on_cpu, 77u);
  CHECK_EQUAL(lk_engine_counters(nullptr, &part, sizeof part), LK_INVALID_ARGUMENT);
  CHECK_EQUAL(lk_engine_counters(g_engine, nullptr, sizeof part), LK_INVALID_ARGUMENT);
}

void test_tracking() {
  const Picture first = waves(240, 180), second = waves(240, 180, 3.4, -2.2);
  Sequence s;
  Tracks none({10, 10});
  CHECK_EQUAL(s.advance(first, none), LK_OK);
  CHECK_EQUAL(none.frame.reset, 1u);
  CHECK_EQUAL(none.frame.width, 240u);
  CHECK_EQUAL(none.frame.height, 180u);
  CHECK_EQUAL(int(none.status[0]), 99);  // not written

  Tracks t(inner_corners(s, 240, 180));
  CHECK_EQUAL(s.advance(second, t), LK_OK);
  CHECK_EQUAL(t.frame.reset, 0u);
  check_shift(t, 3.4f, -2.2f, 0.1f);
  for (uint32_t i = 0; i < t.n(); ++i)
    if (t.status[i] == LK_TRACKED) CHECK(t.back[i] < 0.2f && t.errors[i] < 4);

  // The same picture again: nothing moves, at all.
  Tracks still(t.points);
  CHECK_EQUAL(s.advance(second, still), LK_OK);
  for (uint32_t i = 0; i < still.n(); ++i) {
    CHECK_EQUAL(still.next[2 * i], still.points[2 * i]);
    CHECK_EQUAL(still.errors[i], 0.f);
    CHECK_EQUAL(still.back[i], 0.f);
  }

  // A far jump is found from a guess, which may be the output list itself.
  const Picture far = waves(240, 180, 40.4, -2.2);
  Tracks jump(t.points);
  for (uint32_t i = 0; i < jump.n(); ++i) {
    jump.next[2 * i] = jump.points[2 * i] + 36;
    jump.next[2 * i + 1] = jump.points[2 * i + 1] + 1;
  }
  CHECK_EQUAL(s.advance(far, jump, jump.next.data()), LK_OK);
  uint32_t near = 0;
  for (uint32_t i = 0; i < jump.n(); ++i)
    near += jump.status[i] == LK_TRACKED && std::abs(jump.next[2 * i] - jump.points[2 * i] - 37) < .2f &&
            jump.back[i] < .5f;
  CHECK(near * 10 > jump.n() * 6);

  // A new size is a reset; so is a reset.
  Tracks other({50, 50});
  CHECK_EQUAL(s.advance(waves(200, 180), other), LK_OK);
  CHECK_EQUAL(other.frame.reset, 1u);
  reset(s.handle);
  CHECK_EQUAL(s.advance(waves(200, 180), other), LK_OK);
  CHECK_EQUAL(other.frame.reset, 1u);
}

void test_reasons() {
  Picture flat(120, 100);
  std::fill(flat.pixels.begin(), flat.pixels.end(), uint8_t(90));
  Sequence s;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Tracks t({50, 50, -500, 20, nan, 3});
  s.advance(flat, t);
  CHECK_EQUAL(s.advance(flat, t), LK_OK);
  CHECK_EQUAL(int(t.status[0]), int(LK_FLAT));
  CHECK_EQUAL(int(t.status[1]), int(LK_OUT_OF_FRAME));
  CHECK_EQUAL(int(t.status[2]), int(LK_OUT_OF_FRAME));
  for (int i = 0; i < 3; ++i) CHECK(t.errors[size_t(i)] == 0 && std::isnan(t.back[size_t(i)]));

  auto options = kFlow;
  options.flags = LK_FLOW_GET_MIN_EIGENVALS;
  const Picture p = waves(120, 100);
  Tracks eigen({60, 50});
  s.advance(p, eigen, nullptr, options);
  CHECK_EQUAL(s.advance(p, eigen, nullptr, options), LK_OK);
  CHECK(eigen.errors[0] > 1e-4f);
}

void test_bad_frames() {
  const Picture first = waves(240, 180), second = waves(240, 180, 3, 2);
  const auto good = jpeg_of(second, Jpeg::kColour);
  Sequence s;
  Tracks none({});
  CHECK_EQUAL(s.advance(jpeg_of(first, Jpeg::kProgressive), none), LK_OK);
  Tracks t(inner_corners(s, 240, 180));

  for (size_t n = 0; n + 2 < good.size(); n += 1 + n / 16) {
    const std::vector<uint8_t> cut(good.begin(), good.begin() + long(n));
    const std::vector<uint8_t> one(cut.empty() ? std::vector<uint8_t>{0} : cut);
    CHECK_EQUAL(s.advance(one, t), LK_BAD_FRAME);
    CHECK(s.error().rfind("Cannot decode the JPEG", 0) == 0);
  }
  CHECK_EQUAL(s.advance(jpeg_of(first, Jpeg::kCmyk), t), LK_BAD_FRAME);
  CHECK_EQUAL(s.advance(jpeg_of(Picture(1100, 1000), Jpeg::kGrey), t), LK_FRAME_TOO_LARGE);
  CHECK(s.error().find("1100 x 1000") != std::string::npos);
  CHECK_EQUAL(int(t.status[0]), 99);

  // The sequence is where it was: the good frame follows the first one.
  CHECK_EQUAL(s.advance(good, t), LK_OK);
  CHECK_EQUAL(s.error().size(), size_t(0));
  CHECK_EQUAL(t.frame.reset, 0u);
  check_shift(t, 3, 2, 0.3f);

  // Stray bytes between segments do no harm.
  auto stray = good;
  stray.insert(stray.end() - 2, {0, 0, 7});
  CHECK_EQUAL(s.advance(stray, t), LK_OK);
}

void test_decode() {
  const Picture p = waves(61, 37);
  for (const Jpeg kind : {Jpeg::kGrey, Jpeg::kColour, Jpeg::kProgressive}) {
    const auto jpeg = jpeg_of(p, kind, 98);
    uint32_t width = 0, height = 0;
    char text[200];
    const auto bytes = uint32_t(jpeg.size());
    CHECK_EQUAL(lk_jpeg_info(jpeg.data(), bytes, &width, &height, text, sizeof text), LK_OK);
    CHECK(width == 61 && height == 37);
    std::vector<uint8_t> pixels(64 * 36 + 61);
    const auto decode = [&](uint32_t max_pixels, uint32_t stride, uint32_t capacity) {
      return lk_decode_grey(jpeg.data(), bytes, max_pixels, pixels.data(), stride, capacity,
                            &width, &height, text, sizeof text);
    };
    CHECK_EQUAL(decode(61 * 37, 64, uint32_t(pixels.size())), LK_OK);
    int worst = 0;
    for (int y = 0; y < 37; ++y)
      for (int x = 0; x < 61; ++x)
        worst = std::max(worst, std::abs(p.at(x, y) - pixels[size_t(y) * 64 + x]));
    CHECK(worst < 8);
    CHECK_EQUAL(decode(61 * 37 - 1, 64, uint32_t(pixels.size())), LK_FRAME_TOO_LARGE);
    CHECK_EQUAL(decode(kMaxPixels, 60, uint32_t(pixels.size())), LK_INVALID_ARGUMENT);
    CHECK_EQUAL(decode(kMaxPixels, 64, uint32_t(pixels.size() - 1)), LK_INVALID_ARGUMENT);
  }
  uint32_t width, height;
  const uint8_t rubbish[] = {0xff, 0xd8, 1, 2, 3};
  CHECK_EQUAL(lk_jpeg_info(rubbish, 5, &width, &height, nullptr, 0), LK_BAD_FRAME);
  CHECK_EQUAL(lk_jpeg_info(nullptr, 0, &width, &height, nullptr, 0), LK_BAD_FRAME);
  CHECK_EQUAL(lk_jpeg_info(nullptr, 5, &width, &height, nullptr, 0), LK_INVALID_ARGUMENT);
}

void test_stateless() {
  const Picture first = waves(240, 180), second = waves(240, 180, 3.4, -2.2);
  Sequence s;
  Tracks none({});
  s.advance(first, none);
  Tracks t(inner_corners(s, 240, 180)), same(t.points);
  s.advance(second, t);
  CHECK_EQUAL(optical_flow(g_engine, first.pixels.data(), second.pixels.data(), 240, 180, &kFlow,
                           same.points.data(), same.n(), nullptr, same.next.data(),
                           same.status.data(), same.errors.data(), same.back.data()),
              LK_OK);
  CHECK(same.next == t.next && same.status == t.status && same.errors == t.errors &&
        same.back == t.back);

  reset(s.handle);
  s.advance(first, none);
  std::vector<float> corners(2000);
  uint32_t count = 0;
  CHECK_EQUAL(good_features(g_engine, first.pixels.data(), 240, 180, 240, &kDetect, corners.data(),
                            nullptr, 1000, &count),
              LK_OK);
  corners.resize(2 * count);
  CHECK(corners == s.detect());
}

void test_refusals() {
  Sequence s;
  const Picture p = waves(100, 80);
  Tracks t({20, 20});
  uint32_t count = 0;
  float corners[20];
  const auto detect = [&](const lk_detect_options& o, const uint8_t* mask, uint32_t w, uint32_t h,
                          uint32_t stride) {
    return detect_corners(s.handle, &o, nullptr, 0, mask, w, h, stride, corners, nullptr, 10,
                              &count, nullptr);
  };
  CHECK_EQUAL(detect(kDetect, nullptr, 0, 0, 0), LK_NO_FRAME);
  const float point[2] = {40, 40}, warp[6] = {1, 0, 0, 1, 0, 0};
  float warps[6], residual = -1;
  std::vector<uint8_t> window(window_bytes(21, 21));
  const lk_windows windows{point, point, window.data(), warps, &residual, 1, 21, 21, 0};
  const auto use_windows = [&](lk_kind kind, auto change) {
    std::copy_n(warp, 6, warps);
    lk_windows w = windows;
    change(w);
    lk_completion done;
    return run(s.handle, windows_job(kind, w), done);
  };
  for (const lk_kind kind : {LK_TAKE, LK_COMPARE})
    CHECK_EQUAL(use_windows(kind, [](lk_windows&) {}), LK_NO_FRAME);
  CHECK_EQUAL(s.advance(p, t), LK_OK);
  for (const lk_kind kind : {LK_TAKE, LK_COMPARE}) {
    CHECK_EQUAL(use_windows(kind, [](lk_windows&) {}), LK_OK);
    CHECK_EQUAL(use_windows(kind, [](lk_windows& w) { w = {}, w.win_width = w.win_height = 3; }),
                LK_OK);
    const auto refuses = [&](auto change) {
      CHECK_EQUAL(use_windows(kind, change), LK_INVALID_ARGUMENT);
      CHECK(!last_error().empty());
    };
    refuses([](lk_windows& w) { w.win_width = 2; });
    refuses([](lk_windows& w) { w.win_height = 32; });
    refuses([](lk_windows& w) { w.unused = 1; });
    refuses([](lk_windows& w) { w.n = LK_MAX_PIXELS + 1; });
    refuses([](lk_windows& w) { w.points = nullptr; });
    refuses([](lk_windows& w) { w.pixels = nullptr; });
  }
  for (const auto list : {&lk_windows::warps, &lk_windows::residuals})
    CHECK_EQUAL(use_windows(LK_COMPARE, [&](lk_windows& w) { w.*list = nullptr; }),
                LK_INVALID_ARGUMENT);
  CHECK_EQUAL(use_windows(LK_COMPARE, [](lk_windows& w) { w.found = nullptr; }),
              LK_INVALID_ARGUMENT);
  CHECK_EQUAL(use_windows(LK_COMPARE, [](lk_windows&) {}), LK_OK);
  CHECK(residual >= 0 && residual < 1e-3f);  // with itself
  CHECK_EQUAL(detect(kDetect, nullptr, 0, 0, 0), LK_OK);
  CHECK(count > 0 && count <= 10);
  CHECK_EQUAL(detect(kDetect, nullptr, 100, 80, 100), LK_INVALID_ARGUMENT);
  CHECK_EQUAL(detect(kDetect, p.pixels.data(), 80, 100, 100), LK_INVALID_ARGUMENT);
  CHECK_EQUAL(detect(kDetect, p.pixels.data(), 100, 80, 99), LK_INVALID_ARGUMENT);

  const auto bad_detect = [&](auto change) {
    auto o = kDetect;
    change(o);
    CHECK_EQUAL(detect(o, nullptr, 0, 0, 0), LK_INVALID_ARGUMENT);
    CHECK(!s.error().empty());
  };
  bad_detect([](auto& o) { o.quality_level = 0; });
  bad_detect([](auto& o) { o.quality_level = 1.1f; });
  bad_detect([](auto& o) { o.quality_level = std::nanf(""); });
  bad_detect([](auto& o) { o.min_distance = -1; });
  bad_detect([](auto& o) { o.block_size = 0; });
  bad_detect([](auto& o) { o.block_size = 32; });
  bad_detect([](auto& o) { o.gradient_size = 4; });
  bad_detect([](auto& o) { o.use_harris = 2; });
  bad_detect([](auto& o) { o.k = -1; });

  const auto bad_flow = [&](auto change) {
    auto o = kFlow;
    change(o);
    CHECK_EQUAL(s.advance(p, t, nullptr, o), LK_INVALID_ARGUMENT);
    CHECK(!s.error().empty());
  };
  bad_flow([](auto& o) { o.win_width = 2; });
  bad_flow([](auto& o) { o.win_height = 64; });
  bad_flow([](auto& o) { o.max_level = 9; });
  bad_flow([](auto& o) { o.max_count = 0; });
  bad_flow([](auto& o) { o.epsilon = -1; });
  bad_flow([](auto& o) { o.epsilon = std::nanf(""); });
  bad_flow([](auto& o) { o.min_eig_threshold = 2; });
  bad_flow([](auto& o) { o.flags = 2; });

  lk_frame frame;
  const auto advance = [&](const uint8_t* pixels, uint32_t w, uint32_t h, uint32_t stride,
                           const lk_flow_options* o, const float* points, float* next) {
    return advance_grey(s.handle, pixels, w, h, stride, o, points, 1, nullptr, next,
                                    t.status.data(), t.errors.data(), nullptr, &frame);
  };
  const uint8_t* px = p.pixels.data();
  const float* in = t.points.data();
  float* out = t.next.data();
  CHECK_EQUAL(advance(px, 100, 80, 100, &kFlow, in, out), LK_OK);
  CHECK_EQUAL(advance(nullptr, 100, 80, 100, &kFlow, in, out), LK_INVALID_ARGUMENT);
  CHECK_EQUAL(advance(px, 0, 80, 100, &kFlow, in, out), LK_INVALID_ARGUMENT);
  CHECK_EQUAL(advance(px, 100, 80, 99, &kFlow, in, out), LK_INVALID_ARGUMENT);
  CHECK_EQUAL(advance(px, 65535, 65535, 65535, &kFlow, in, out), LK_FRAME_TOO_LARGE);
  CHECK_EQUAL(advance(px, 100, 80, 100, &kFlow, nullptr, out), LK_INVALID_ARGUMENT);
  CHECK_EQUAL(advance(px, 100, 80, 100, &kFlow, in, nullptr), LK_INVALID_ARGUMENT);

  CHECK_EQUAL(detect_corners(nullptr, &kDetect, nullptr, 0, nullptr, 0, 0, 0, corners, nullptr,
                                 10, &count, nullptr),
              LK_INVALID_ARGUMENT);
  CHECK(!last_error().empty());
  lk_sequence* sequence;
  CHECK_EQUAL(lk_sequence_create(nullptr, 10, &sequence, nullptr, 0), LK_INVALID_ARGUMENT);
  CHECK_EQUAL(lk_sequence_create(g_engine, 0, &sequence, nullptr, 0), LK_INVALID_ARGUMENT);
  CHECK_EQUAL(lk_sequence_create(g_engine, 10, nullptr, nullptr, 0), LK_INVALID_ARGUMENT);
  lk_sequence_destroy(nullptr);
  CHECK_EQUAL(reset(nullptr), LK_INVALID_ARGUMENT);
}

// Options may change from frame to frame: larger windows, more levels.
void test_changing_options() {
  Sequence s;
  Tracks t({60, 60, 150, 90, 239, 179});
  for (const uint32_t window : {5u, 63u, 21u, 3u, 63u})
    for (const uint32_t level : {0u, 8u, 1u}) {
      auto o = kFlow;
      o.win_width = o.win_height = window;
      o.max_level = level;
      const double shift = double(window) / 20 + level;
      CHECK_EQUAL(s.advance(waves(240, 180, shift, 0), t, nullptr, o), LK_OK);
      Tracks alone(t.points);
      Sequence fresh;
      // What came before does not matter: only these two frames do.
      CHECK_EQUAL(fresh.advance(waves(240, 180, shift, 0), alone, nullptr, o), LK_OK);
      CHECK_EQUAL(s.advance(waves(240, 180, shift + 1, 0), t, nullptr, o), LK_OK);
      CHECK_EQUAL(fresh.advance(waves(240, 180, shift + 1, 0), alone, nullptr, o), LK_OK);
      CHECK(alone.next == t.next && alone.status == t.status);
    }
}

}  // namespace

int main() {
  char text[200];
  if (lk_engine_create("cpu", nullptr, &g_engine, text, sizeof text)) {
    std::printf("%s\n", text);
    return 1;
  }
  std::printf("%s, %s\n", lk_engine_device(g_engine), lk_engine_variant(g_engine));
  test_versions();
  test_engines();
  test_counters();
  test_tracking();
  test_reasons();
  test_bad_frames();
  test_decode();
  test_stateless();
  test_refusals();
  test_changing_options();
  lk_engine_destroy(g_engine);
  return finish("test_api");
}
