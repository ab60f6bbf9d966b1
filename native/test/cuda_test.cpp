// The CUDA engine against the CPU engine, through the C interface alone.
//
//   cuda_test [--quick | --races]
//
// Results are meant to be bit-equal; what fails the test is what is promised: at
// least 99.9 % equal status, and the 99th percentile of distances at most 0.01
// px. Corners must be the same ones. --quick leaves out what takes long under
// compute-sanitizer, --races all but one small case for each kernel. Without a GPU it tests that the engine says so.
#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <thread>

#include "calls.h"
#include "check.h"
#include "cuda_scene.h"
#include "lkstream.h"
#include "wait.h"

namespace {

bool g_quick = false, g_races = false;
lk_engine *g_cpu, *g_cuda;
size_t g_points, g_unequal_status, g_unequal_bits;
std::vector<double> g_distances;

const lk_flow_options kA{15, 15, 2, 10, 0.01f, 1e-4f, 0};
const lk_flow_options kB{21, 21, 3, 30, 0.01f, 1e-4f, 0};

struct Followed {
  std::vector<float> next, errors, fb;
  std::vector<uint8_t> status;
  lk_frame frame{};

  explicit Followed(size_t n)
      : next(2 * n, -77.f), errors(n, -77.f), fb(n, -77.f), status(n, 77) {}
};

struct Sequence {
  lk_sequence* handle = nullptr;

  explicit Sequence(lk_engine* engine) {
    char text[512] = "";
    if (lk_sequence_create(engine, LK_MAX_PIXELS, &handle, text, sizeof text) != LK_OK) {
      std::printf("no sequence: %s\n", text);
      ++g_failures;
    }
  }
  Sequence(const Sequence&) = delete;
  ~Sequence() { lk_sequence_destroy(handle); }

  Followed advance(const Picture& p, const lk_flow_options& options,
                   const std::vector<float>& points, const float* guesses = nullptr,
                   bool back = false) {
    const auto n = uint32_t(points.size() / 2);
    Followed f(n);
    const int32_t status = advance_grey(
        handle, p.pixels.data(), uint32_t(p.width), uint32_t(p.height), uint32_t(p.width),
        &options, points.data(), n, guesses, f.next.data(), f.status.data(), f.errors.data(),
        back ? f.fb.data() : nullptr, &f.frame);
    if (status != LK_OK) {
      std::printf("advance: %d, %s\n", status, last_error().c_str());
      ++g_failures;
    }
    return f;
  }

  std::vector<float> detect(const lk_detect_options& options, const std::vector<float>& avoid,
                            const Picture* mask, std::vector<float>* scores = nullptr,
                            uint32_t capacity = 20000) {
    std::vector<float> corners(2 * size_t(capacity));
    if (scores) scores->assign(capacity, 0.f);
    uint32_t count = 0;
    const int32_t status = detect_corners(
        handle, &options, avoid.data(), uint32_t(avoid.size() / 2),
        mask ? mask->pixels.data() : nullptr, mask ? uint32_t(mask->width) : 0,
        mask ? uint32_t(mask->height) : 0, mask ? uint32_t(mask->width) : 0, corners.data(),
        scores ? scores->data() : nullptr, capacity, &count, nullptr);
    if (status != LK_OK) {
      std::printf("detect: %d, %s\n", status, last_error().c_str());
      ++g_failures;
    }
    corners.resize(2 * size_t(count));
    if (scores) scores->resize(count);
    return corners;
  }
};

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

bool same(float a, float b) { return a == b || (a != a && b != b); }

// Adds the differences to the counts; prints the first of them.
void compare(const char* what, const Followed& cpu, const Followed& cuda, bool back) {
  static int printed = 0;
  CHECK_EQUAL(cuda.frame.reset, cpu.frame.reset);
  if (cpu.frame.reset) return;
  for (size_t i = 0; i < cpu.status.size(); ++i) {
    ++g_points;
    const float *p = &cpu.next[2 * i], *q = &cuda.next[2 * i];
    if (cpu.status[i] == LK_TRACKED && cuda.status[i] == LK_TRACKED)
      g_distances.push_back(std::hypot(p[0] - q[0], p[1] - q[1]));
    if (cpu.status[i] != cuda.status[i]) ++g_unequal_status;
    if (cpu.status[i] == cuda.status[i] && same(p[0], q[0]) && same(p[1], q[1]) &&
        same(cpu.errors[i], cuda.errors[i]) && (!back || same(cpu.fb[i], cuda.fb[i])))
      continue;
    ++g_unequal_bits;
    if (printed++ < 12)
      std::printf("  %s, point %zu: cpu %d (%.9g %.9g) %.9g %.9g, cuda %d (%.9g %.9g) %.9g %.9g\n",
                  what, i, cpu.status[i], p[0], p[1], cpu.errors[i], back ? cpu.fb[i] : 0.f,
                  cuda.status[i], q[0], q[1], cuda.errors[i], back ? cuda.fb[i] : 0.f);
  }
}

// Some inside, some on and around every border, some that are no numbers.
std::vector<float> points_on(int width, int height, int n, uint64_t seed) {
  Random random(seed);
  const float w = float(width), h = float(height);
  std::vector<float> points;
  for (int i = 0; i < n; ++i) {
    float x = random.uniform(0, w), y = random.uniform(0, h);
    switch (i % 8) {
      case 3: x = random.uniform(-12, 12); break;
      case 4: x = w + random.uniform(-14, 12); break;
      case 5: y = random.uniform(-12, 12); break;
      case 6: y = h + random.uniform(-14, 12); break;
      case 7: x = std::floor(x), y = std::floor(y); break;
    }
    if (i == 60) x = std::numeric_limits<float>::quiet_NaN();
    if (i == 61) y = std::numeric_limits<float>::infinity();
    if (i == 62) x = 1e30f;
    points.insert(points.end(), {x, y});
  }
  return points;
}

void test_flow(const char* what, const Picture& first, const Picture& second,
               const lk_flow_options& options, int n, bool with_guesses, bool back) {
  const auto points = points_on(first.width, first.height, n, uint64_t(n + first.width));
  std::vector<float> guesses = points;
  Random random(5);
  for (float& v : guesses) v += random.uniform(-3, 3);
  const float* guess = with_guesses ? guesses.data() : nullptr;
  Sequence cpu(g_cpu), cuda(g_cuda);
  compare(what, cpu.advance(first, options, points), cuda.advance(first, options, points), false);
  compare(what, cpu.advance(second, options, points, guess, back),
          cuda.advance(second, options, points, guess, back), back);
  // Back to the first frame: pyramids change places.
  compare(what, cpu.advance(first, options, points, nullptr, back),
          cuda.advance(first, options, points, nullptr, back), back);
}

lk_flow_options with(lk_flow_options o, uint32_t w, uint32_t h, uint32_t level) {
  o.win_width = w, o.win_height = h, o.max_level = level;
  return o;
}

void test_flows(const Scene& scene) {
  struct Size {
    int width, height, n;
  };
  std::vector<Size> sizes{{16, 16, 40},   {17, 19, 64},    {33, 21, 100},  {64, 48, 200},
                          {1, 1, 9},      {3, 200, 40},    {127, 131, 100}};
  if (!g_quick)
    sizes.insert(sizes.end(), {{321, 243, 700},
                               {640, 480, 1000},
                               {1279, 721, 1000},
                               {1280, 720, 1},
                               {1280, 720, 10000},
                               {1920, 1080, 3000},
                               {7680, 4320, 10000}});
  for (const Size& s : sizes) {
    const Picture a = scene.frame(s.width, s.height, 0), b = scene.frame(s.width, s.height, 1.5f);
    test_flow("A", a, b, kA, s.n, false, false);
    test_flow("B, guesses, back", a, b, kB, s.n, true, true);
  }
  const Picture a = scene.frame(320, 241, 3), b = scene.frame(320, 241, 4.2f);
  const int n = g_quick ? 64 : 600;
  for (const auto &[w, h] : {std::pair{3u, 3u}, {4u, 63u}, {63u, 5u}, {63u, 63u}, {5u, 7u},
                            {8u, 8u}, {31u, 31u}, {32u, 33u}, {16u, 16u}, {20u, 22u}, {9u, 40u}})
    test_flow("window", a, b, with(kB, w, h, 3), n, true, true);
  for (uint32_t level : {0u, 1u, 2u, 4u, 5u, 6u, 8u})
    test_flow("level", a, b, with(kB, 7, 7, level), n, false, true);
  auto options = kB;
  options.flags = LK_FLOW_GET_MIN_EIGENVALS;
  test_flow("min eigenvalues", a, b, options, n, false, true);
  options = kB;
  options.epsilon = 0, options.max_count = 100;
  test_flow("no epsilon", a, b, options, n, false, true);
  options.max_count = 1;
  test_flow("one iteration", a, b, options, n, true, true);
  options = kB;
  options.min_eig_threshold = 0.02f;
  test_flow("threshold", a, b, options, n, false, true);
  options.min_eig_threshold = 0;
  test_flow("noise", noise(320, 241, 1), noise(320, 241, 2), options, n, false, true);
  test_flow("squares", squares(320, 241, 13), squares(320, 241, 13), kB, n, false, true);
  test_flow("flat", Picture(64, 64), Picture(64, 64), options, 64, false, true);

  // Options that change from frame to frame: levels are built when they are asked for.
  Sequence cpu(g_cpu), cuda(g_cuda);
  const auto points = points_on(320, 241, n, 9);
  for (int i = 0; i < 9; ++i) {
    const Picture p = scene.frame(i < 6 ? 320 : 300, 241, float(i));
    const auto o = with(kB, 9, 9, uint32_t(i * 5 % 7));
    compare("changing levels", cpu.advance(p, o, points), cuda.advance(p, o, points), false);
  }
  // Windows that change: a pyramid with a margin too narrow for the next one is made anew.
  for (const auto& [w, h] : {std::pair{7, 5}, {65, 64}, {97, 81}, {320, 241}}) {
    Sequence a_cpu(g_cpu), a_cuda(g_cuda);
    const auto places = points_on(w, h, 64, 11);
    const uint32_t windows[] = {5, 21, 3, 63, 15, 9, 41}, levels[] = {1, 3, 0, 2, 5, 8, 3};
    for (int i = 0; i < 7; ++i) {
      const Picture p = scene.frame(w, h, float(i));
      const auto o = with(kB, windows[i], windows[(i + 3) % 7], levels[i]);
      compare("changing windows", a_cpu.advance(p, o, places), a_cuda.advance(p, o, places), false);
    }
  }
}

void test_detection(const char* what, const Picture& p, const lk_detect_options& options,
                    const std::vector<float>& avoid = {}, const Picture* mask = nullptr) {
  Sequence cpu(g_cpu), cuda(g_cuda);
  cpu.advance(p, kB, {});
  cuda.advance(p, kB, {});
  std::vector<float> cpu_scores, cuda_scores;
  const auto expected = cpu.detect(options, avoid, mask, &cpu_scores);
  const auto found = cuda.detect(options, avoid, mask, &cuda_scores);
  if (same_bits(expected, found) && same_bits(cpu_scores, cuda_scores)) return;
  ++g_failures;
  size_t i = 0;
  while (i < expected.size() && i < found.size() && expected[i] == found[i]) ++i;
  std::printf("corners differ: %s, %d x %d, %zu and %zu, from number %zu on\n", what, p.width,
              p.height, expected.size() / 2, found.size() / 2, i / 2);
}

void test_detections(const Scene& scene) {
  const lk_detect_options usual{1000, 0.01f, 7, 3, 3, 0, 0.04f};
  for (const auto &[w, h] : {std::pair{16, 16}, {3, 3}, {2, 50}, {1, 1}, {29, 31}, {57, 3}, {3, 57},
                            {131, 97}})
    test_detection("size", scene.frame(w, h, 2), usual);
  if (!g_quick) {
    test_detection("VGA", scene.frame(640, 480, 2), usual);
    test_detection("720p", scene.frame(1280, 720, 2), usual);
    test_detection("8K", scene.frame(7680, 4320, 2), usual);
    test_detection("8K noise", noise(7680, 4320, 3), usual);
  }
  const Picture p = scene.frame(320, 241, 5);
  for (uint32_t block : {1u, 2u, 3u, 4u, 5u, 8u, 31u})
    for (uint32_t gradient : {3u, 5u, 7u})
      for (uint32_t harris : {0u, 1u}) {
        auto o = usual;
        o.block_size = block, o.gradient_size = gradient, o.use_harris = harris;
        test_detection("block, gradient, Harris", p, o);
        if (g_quick) break;
      }
  for (float distance : {0.f, 0.5f, 1.f, 2.5f, 30.f, 1000.f}) {
    auto o = usual;
    o.min_distance = distance;
    test_detection("distance", p, o);
    o.max_corners = 0;
    test_detection("all", p, o);
    o.max_corners = 3;
    test_detection("three", p, o);
  }
  for (float quality : {1e-6f, 0.3f, 1.f}) {
    auto o = usual;
    o.quality_level = quality;
    test_detection("quality", p, o);
  }
  Picture mask(320, 241), none(320, 241);
  for (int y = 60; y < 200; ++y)
    for (int x = 20; x < 300; ++x) mask.at(x, y) = uint8_t((x / 40 + y / 30) % 2);
  test_detection("mask", p, usual, {}, &mask);
  test_detection("mask of nothing", p, usual, {}, &none);
  test_detection("avoid", p, usual, points_on(320, 241, 64, 4));
  test_detection("avoid, mask", p, usual, points_on(320, 241, 64, 4), &mask);
  test_detection("noise", noise(500, 401, 3), usual);
  test_detection("squares", squares(320, 241, 8), usual);
  test_detection("flat", Picture(64, 64), usual);
  if (!g_quick) {
    auto all = usual;
    all.max_corners = 0, all.min_distance = 0;
    test_detection("many equals", squares(1600, 1200, 4), all);
    test_detection("more than fit the first copy", noise(1200, 900, 8), all);
  }
}

// Windows of all sizes, taken on one frame and compared on the next ones: both engines
// give the same bytes and the same bits.
void test_windows(const Scene& scene, int width, int height, uint32_t n) {
  size_t compared = 0, unequal = 0;
  for (const auto &[w, h] : {std::pair{21u, 21u}, {3u, 3u}, {31u, 31u}, {15u, 15u}, {20u, 7u},
                            {4u, 31u}, {9u, 22u}}) {
    Sequence sequences[2] = {Sequence(g_cpu), Sequence(g_cuda)};
    const auto found = points_on(width, height, int(n), w);
    std::vector<uint8_t> pixels[2];
    std::vector<float> warps[2], residuals[2];
    for (int e = 0; e < 2; ++e) {
      pixels[e].assign(n * window_bytes(w, h), 7);
      warps[e].resize(6 * n);
      residuals[e].assign(n, -77.f);
      for (uint32_t i = 0; i < n; ++i) warps[e][6 * i] = warps[e][6 * i + 3] = 1;
      sequences[e].advance(scene.frame(width, height, 0), kB, {});
    }
    auto points = found;
    Random random(w + h);
    for (int frame = 0; frame < 5; ++frame) {
      const bool is_noise = frame == 4;
      const Picture p = is_noise ? noise(width, height, 3) : scene.frame(width, height, 2.f * frame);
      for (int e = 0; e < 2; ++e) {
        lk_completion done;
        lk_windows lists{found.data(), nullptr, pixels[e].data(), nullptr, nullptr, n, w, h, 0};
        if (frame == 0) {
          CHECK_EQUAL(run(sequences[e].handle, windows_job(LK_TAKE, lists), done), LK_OK);
          continue;
        }
        if (e == 0)
          points = sequences[0].advance(p, kB, points).next;
        else
          sequences[1].advance(p, kB, {});
        if (e == 0)
          for (float& v : points) v += random.uniform(-.5f, .5f);
        lists = {points.data(), found.data(), pixels[e].data(), warps[e].data(),
                 residuals[e].data(), n, w, h, 0};
        CHECK_EQUAL(run(sequences[e].handle, windows_job(LK_COMPARE, lists), done), LK_OK);
      }
      CHECK(same_bits(pixels[0], pixels[1]));
      for (uint32_t i = 0; i < n; ++i) {
        bool is_equal = same(residuals[0][i], residuals[1][i]);
        for (uint32_t k = 6 * i; k < 6 * i + 6; ++k) is_equal &= same(warps[0][k], warps[1][k]);
        compared += frame > 0 && !std::isnan(residuals[0][i]);
        unequal += !is_equal;
        if (!is_equal && unequal < 6)
          std::printf("  window %u x %u, frame %d, point %u: cpu %.9g, cuda %.9g\n", w, h, frame, i,
                      residuals[0][i], residuals[1][i]);
      }
    }
  }
  std::printf("%zu windows compared, %zu not bit-equal\n", compared, unequal);
  CHECK(compared > 7 * n);
  CHECK_EQUAL(unequal, size_t(0));
}

void test_without_sequence(const Scene& scene) {
  const Picture a = scene.frame(320, 241, 0), b = scene.frame(320, 241, 1);
  const auto points = points_on(320, 241, 200, 3);
  Followed results[2] = {Followed(200), Followed(200)};
  std::vector<float> corners[2] = {std::vector<float>(400), std::vector<float>(400)};
  uint32_t counts[2] = {};
  const lk_detect_options detect{200, 0.01f, 7, 3, 3, 0, 0.04f};
  lk_engine* engines[2] = {g_cpu, g_cuda};
  for (int i = 0; i < 2; ++i) {
    CHECK_EQUAL(optical_flow(engines[i], a.pixels.data(), b.pixels.data(), 320, 241, &kB,
                             points.data(), 200, nullptr, results[i].next.data(),
                             results[i].status.data(), results[i].errors.data(),
                             results[i].fb.data()),
                LK_OK);
    CHECK_EQUAL(good_features(engines[i], a.pixels.data(), 320, 241, 320, &detect,
                              corners[i].data(), nullptr, 200, &counts[i]),
                LK_OK);
  }
  compare("without a sequence", results[0], results[1], true);
  CHECK_EQUAL(counts[0], counts[1]);
  CHECK(same_bits(corners[0], corners[1]));
}

// What one sequence gives for a short clip, all of it.
std::vector<uint8_t> play(const std::vector<Picture>& clip, int from) {
  Sequence s(g_cuda);
  std::vector<uint8_t> result;
  const auto keep = [&](const auto& list) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(list.data());
    result.insert(result.end(), bytes, bytes + list.size() * sizeof list[0]);
  };
  const lk_detect_options detect{300, 0.01f, 7, 3, 3, 0, 0.04f};
  std::vector<float> points;
  for (size_t i = 0; i < clip.size(); ++i) {
    const Followed f = s.advance(clip[(i + size_t(from)) % clip.size()], kB, points, nullptr, true);
    if (i > 0) {
      keep(f.next), keep(f.status), keep(f.errors), keep(f.fb);
    }
    points = s.detect(detect, {}, nullptr);
    keep(points);
  }
  return result;
}

void test_parallel(const Scene& scene) {
  std::vector<Picture> clip;
  for (int i = 0; i < 4; ++i)
    clip.push_back(scene.frame(g_quick ? 160 : 640, g_quick ? 120 : 360, float(i)));
  std::vector<std::vector<uint8_t>> alone;
  for (int i = 0; i < 4; ++i) alone.push_back(play(clip, i));
  CHECK(play(clip, 0) == alone[0]);  // from run to run
  const int count = g_quick ? 8 : 64;
  std::vector<int> equal(static_cast<size_t>(count), 0);
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i)
    threads.emplace_back([&, i] {
      equal[size_t(i)] = 1;
      for (int round = 0; round < (g_quick ? 1 : 5); ++round)
        if (play(clip, i % 4) != alone[size_t(i % 4)]) equal[size_t(i)] = 0;
    });
  for (auto& t : threads) t.join();
  for (int e : equal) CHECK(e);
}

int32_t advance_jpeg(Sequence& s, const std::vector<uint8_t>& jpeg,
                     const std::vector<float>& points, Followed& f) {
  return advance_jpeg(s.handle, jpeg.data(), uint32_t(jpeg.size()), &kB, points.data(),
                                  uint32_t(points.size() / 2), nullptr, f.next.data(),
                                  f.status.data(), f.errors.data(), nullptr, &f.frame);
}

void test_jpegs(const Scene& scene) {
  const auto points = points_on(320, 241, 100, 6);
  Sequence cpu(g_cpu), cuda(g_cuda);
  std::vector<std::vector<uint8_t>> jpegs;
  int i = 0;
  for (Jpeg kind : {Jpeg::kColour, Jpeg::kGrey, Jpeg::kProgressive, Jpeg::kColour})
    jpegs.push_back(jpeg_of(scene.frame(320, 241, float(i++)), kind));
  const auto good = jpegs.back();
  jpegs.push_back(jpeg_of(scene.frame(320, 241, 1), Jpeg::kCmyk));
  jpegs.push_back({good.begin(), good.begin() + long(good.size() / 2)});
  jpegs.push_back({good.begin(), good.begin() + 20});
  jpegs.push_back({good.begin(), good.end() - 2});
  jpegs.push_back({0xff, 0xd8, 0xff});
  jpegs.push_back(good);
  Random random(8);
  for (int k = 0; k < (g_quick ? 4 : 60); ++k) {
    auto damaged = good;
    for (int j = 0; j < 3; ++j)
      damaged[size_t(random.below(int(k % 2 ? 600 : damaged.size())))] = uint8_t(random.next());
    jpegs.push_back(damaged);
    if (k % 8 == 7) jpegs.push_back(good);
  }
  jpegs.push_back(good);
  jpegs.push_back(jpeg_of(scene.frame(320, 241, 5), Jpeg::kColour));
  int good_ones = 0;
  for (const auto& jpeg : jpegs) {
    Followed a(100), b(100);
    const int32_t expected = advance_jpeg(cpu, jpeg, points, a);
    const std::string expected_text = last_error();
    CHECK_EQUAL(advance_jpeg(cuda, jpeg, points, b), expected);
    CHECK(expected_text == last_error());
    if (expected != LK_OK) continue;
    compare("JPEG", a, b, false);
    ++good_ones;
  }
  lk_counters c{};
  lk_engine_counters(g_cuda, &c, sizeof c);
  std::printf("JPEGs: %d good, by the GPU %d, tried in vain %d\n", good_ones, int(c.jpegs_on_gpu),
              int(c.jpegs_refused));
  CHECK(good_ones >= 6);
  CHECK(c.jpegs_on_gpu >= 3);
}

void test_limits() {
  Sequence s(g_cuda);
  const lk_detect_options detect{10, 0.01f, 7, 3, 3, 0, 0.04f};
  float corner[2];
  uint32_t count;
  CHECK_EQUAL(detect_corners(s.handle, &detect, nullptr, 0, nullptr, 0, 0, 0, corner, nullptr,
                                 1, &count, nullptr),
              LK_NO_FRAME);
  const Picture wide(70000, 1);
  lk_frame frame;
  CHECK_EQUAL(advance_grey(s.handle, wide.pixels.data(), 70000, 1, 70000, &kB, nullptr,
                                       0, nullptr, nullptr, nullptr, nullptr, nullptr, &frame),
              LK_FRAME_TOO_LARGE);
  CHECK(last_error().size() > 0);
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    g_races |= std::strcmp(argv[i], "--races") == 0;
    g_quick |= g_races || std::strcmp(argv[i], "--quick") == 0;
  }
  char text[512] = "";
  lk_engine* wrong = nullptr;
  CHECK_EQUAL(lk_engine_create("cuda", "99", &wrong, text, sizeof text), LK_UNAVAILABLE);
  CHECK(!wrong);
  CHECK(std::strncmp(text, "Cannot use", 10) == 0);
  CHECK_EQUAL(lk_engine_create("cpu", "", &g_cpu, text, sizeof text), LK_OK);
  const int32_t status = lk_engine_create("cuda", "", &g_cuda, text, sizeof text);
  if (status != LK_OK) {
    CHECK_EQUAL(status, LK_UNAVAILABLE);
    std::printf("skipped: %s\n", text);
    lk_engine_destroy(g_cpu);
    return finish("cuda_test");
  }
  std::printf("%s beside %s (%s)\n", lk_engine_device(g_cuda), lk_engine_device(g_cpu),
              lk_engine_variant(g_cpu));
  const Scene scene(1);
  if (g_races) {
    test_flow("A", scene.frame(64, 48, 0), scene.frame(64, 48, 1), kA, 16, false, false);
    test_flow("B", scene.frame(97, 81, 0), scene.frame(97, 81, 1), kB, 16, true, true);
    test_flow("window", scene.frame(97, 81, 0), scene.frame(97, 81, 1), with(kB, 9, 33, 1), 8, true,
              true);
    lk_detect_options o{100, 0.01f, 7, 3, 3, 0, 0.04f};
    test_detection("usual", scene.frame(97, 81, 0), o);
    o.block_size = 5, o.gradient_size = 5;
    test_detection("block", scene.frame(97, 81, 0), o);
    test_windows(scene, 160, 121, 64);
    return finish("cuda_test");
  }
  test_limits();
  test_flows(scene);
  test_windows(scene, 160, 121, 64);
  if (!g_quick) test_windows(scene, 640, 480, 1000);
  test_without_sequence(scene);
  test_detections(scene);
  test_parallel(scene);
  test_jpegs(scene);

  std::sort(g_distances.begin(), g_distances.end());
  const double p99 = g_distances.empty() ? 0 : g_distances[g_distances.size() * 99 / 100];
  std::printf("%zu points: %zu unequal status, %zu not bit-equal, distance p99 %g, most %g px\n",
              g_points, g_unequal_status, g_unequal_bits, p99,
              g_distances.empty() ? 0 : g_distances.back());
  CHECK(g_unequal_status * 1000 <= g_points);
  CHECK(p99 <= 0.01);
  // Sequences end on the library's threads, for which nobody waits at the end of a process.
  wait_until([] {
    lk_counters c{};
    lk_engine_counters(g_cuda, &c, sizeof c);
    return c.sequences == 0;
  });
  lk_engine_destroy(g_cpu);
  lk_engine_destroy(g_cuda);
  return finish("cuda_test");
}
