// lkstream beside OpenCV's C++ functions, one thread each, in one run: first
// that both say the same, then how long each takes.
//
//   bench_opencv [--json] [--variant NAME] [--rounds N]
//
// The exit status is 1 where the results disagree.
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/video/tracking.hpp>
#include <string>
#include <thread>
#include <vector>

#include "calls.h"
#include "lkstream.h"

namespace {

using Points = std::vector<cv::Point2f>;

bool g_agree = true;
bool g_json = false;
int g_rounds = 60;
std::string g_results;  // JSON objects, separated by commas

void die(const char* what, const char* why) {
  std::fprintf(stderr, "%s: %s\n", what, why);
  std::exit(2);
}

// ---- Pictures ---------------------------------------------------------------

// Smooth noise of several sizes with shapes of sharp edges on it: texture to
// follow, flat parts, edges and corners.
cv::Mat texture(int width, int height) {
  cv::RNG random(7);
  cv::Mat sum = cv::Mat::zeros(height, width, CV_32F);
  for (int size = 4; size <= 128; size *= 2) {
    cv::Mat noise(height / size + 4, width / size + 4, CV_32F), wide;
    random.fill(noise, cv::RNG::UNIFORM, -1.f, 1.f);
    cv::resize(noise, wide, {(width / size + 4) * size, (height / size + 4) * size}, 0, 0,
               cv::INTER_CUBIC);
    sum += wide(cv::Rect(size, size, width, height)) * (4 + 7 * std::log2(size));
  }
  cv::Mat grey;
  sum.convertTo(grey, CV_8U, 1, 120);
  for (int i = 0; i < width * height / 12000; ++i) {
    const cv::Point at(random.uniform(0, width), random.uniform(0, height));
    const cv::Size size(random.uniform(8, 60), random.uniform(8, 60));
    cv::rectangle(grey, cv::Rect(at, size), random.uniform(20, 235), i % 3 ? cv::FILLED : 2);
  }
  cv::GaussianBlur(grey, grey, {}, 0.8);
  return grey;
}

// A camera that turns, zooms and shifts, with sensor noise.
std::vector<cv::Mat> clip(int width, int height, int frames) {
  const cv::Mat scene = texture(width + 400, height + 400);
  cv::RNG random(11);
  std::vector<cv::Mat> result;
  for (int i = 0; i < frames; ++i) {
    const cv::Point2f centre(scene.cols / 2.f, scene.rows / 2.f);
    cv::Mat motion = cv::getRotationMatrix2D(centre, 0.5 * i, 1 + 0.004 * i);
    motion.at<double>(0, 2) += 3.3 * i - 200;
    motion.at<double>(1, 2) += -1.7 * i - 200 + 4 * std::sin(i);
    cv::Mat frame, noise(height, width, CV_8S);
    cv::warpAffine(scene, frame, motion, {width, height}, cv::INTER_CUBIC);
    random.fill(noise, cv::RNG::NORMAL, 0, 1.5);
    cv::add(frame, noise, frame, cv::noArray(), CV_8U);
    result.push_back(frame);
  }
  return result;
}

// ---- Measuring ----------------------------------------------------------------

struct Times {
  double p50, p95, p99;  // ms
};

double percentile(std::vector<double> v, double share) {
  if (v.empty()) return 0;
  std::sort(v.begin(), v.end());
  return v[std::min(v.size() - 1, size_t(share * double(v.size())))];
}

double now_ms() {
  using namespace std::chrono;
  return duration<double, std::milli>(steady_clock::now().time_since_epoch()).count();
}

// Processor time of this thread: what others do on the machine does not count.
double thread_ms() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) * 1e3 + double(t.tv_nsec) / 1e6;
}

// Times several functions in turns, so that a disturbance hits all of them.
std::vector<Times> measure(const std::vector<std::function<void(int)>>& functions) {
  std::vector<std::vector<double>> times(functions.size());
  for (int round = -4; round < g_rounds; ++round)
    for (size_t i = 0; i < functions.size(); ++i) {
      const double start = thread_ms();
      functions[i](round + 4);
      if (round >= 0) times[i].push_back(thread_ms() - start);
    }
  std::vector<Times> result;
  for (const auto& t : times)
    result.push_back({percentile(t, .5), percentile(t, .95), percentile(t, .99)});
  return result;
}

void report(const std::string& name, const Times& ours, const Times& theirs, double aim) {
  const double ratio = theirs.p50 / ours.p50;
  if (!g_json)
    std::printf("%-46s %7.3f %7.3f %7.3f | %7.3f %7.3f %7.3f | %5.2fx (aim %.1fx)%s\n",
                name.c_str(), ours.p50, ours.p95, ours.p99, theirs.p50, theirs.p95, theirs.p99,
                ratio, aim, ratio < aim ? "  BELOW" : "");
  char text[512];
  std::snprintf(text, sizeof text,
                "{\"name\":\"%s\",\"lkstream_ms\":{\"p50\":%.4f,\"p95\":%.4f,\"p99\":%.4f},"
                "\"opencv_ms\":{\"p50\":%.4f,\"p95\":%.4f,\"p99\":%.4f},\"ratio\":%.3f,"
                "\"aim\":%.1f}",
                name.c_str(), ours.p50, ours.p95, ours.p99, theirs.p50, theirs.p95, theirs.p99,
                ratio, aim);
  if (!g_results.empty()) g_results += ",";
  g_results += text;
}

void note(const std::string& name, double value, double aim, bool at_most, const char* unit) {
  const bool good = at_most ? value <= aim : value >= aim;
  if (!g_json)
    std::printf("%-46s %9.4f %s (aim: %s %g)%s\n", name.c_str(), value, unit,
                at_most ? "at most" : "at least", aim, good ? "" : "  MISSED");
  char text[256];
  std::snprintf(text, sizeof text, "{\"name\":\"%s\",\"value\":%.6f,\"aim\":%g,\"unit\":\"%s\"}",
                name.c_str(), value, aim, unit);
  if (!g_results.empty()) g_results += ",";
  g_results += text;
}

void require(const std::string& name, double value, double aim, bool at_most, const char* unit) {
  note(name, value, aim, at_most, unit);
  if (!(at_most ? value <= aim : value >= aim)) g_agree = false;
}

// ---- lkstream ------------------------------------------------------------------

lk_engine* g_engine;

lk_flow_options flow_options(int window) {
  return {uint32_t(window), uint32_t(window), 3, 30, 0.01f, 1e-4f, 0};
}

lk_detect_options detect_options(int corners) {
  return {uint32_t(corners), 0.01f, 8, 3, 3, 0, 0.04f};
}

struct Flow {
  Points next;
  std::vector<uint8_t> status;
  std::vector<float> error, back;

  explicit Flow(size_t n) : next(n), status(n), error(n), back(n) {}
};

class Session {
 public:
  Session() {
    char text[256];
    if (lk_sequence_create(g_engine, 1 << 24, &sequence_, text, sizeof text))
      die("lk_sequence_create", text);
  }
  ~Session() { lk_sequence_destroy(sequence_); }

  void advance(const cv::Mat& frame, const Points& points, int window, Flow& flow,
               bool back = false) {
    const auto options = flow_options(window);
    if (advance_grey(sequence_, frame.data, frame.cols, frame.rows,
                                 uint32_t(frame.step), &options, &points.data()->x,
                                 uint32_t(points.size()), nullptr, &flow.next.data()->x,
                                 flow.status.data(), flow.error.data(),
                                 back ? flow.back.data() : nullptr, &frame_))
      die("lk_sequence_advance_grey", last_error().c_str());
  }

  void advance(const std::vector<uint8_t>& jpeg, const Points& points, int window, Flow& flow) {
    const auto options = flow_options(window);
    if (advance_jpeg(sequence_, jpeg.data(), uint32_t(jpeg.size()), &options,
                                 &points.data()->x, uint32_t(points.size()), nullptr,
                                 &flow.next.data()->x, flow.status.data(), flow.error.data(),
                                 flow.back.data(), &frame_))
      die("lk_sequence_advance_jpeg", last_error().c_str());
  }

  Points detect(const lk_detect_options& options) {
    Points corners(options.max_corners);
    uint32_t count = 0;
    if (detect_corners(sequence_, &options, nullptr, 0, nullptr, 0, 0, 0, &corners.data()->x,
                           nullptr, uint32_t(corners.size()), &count, nullptr))
      die("lk_sequence_detect", last_error().c_str());
    corners.resize(count);
    return corners;
  }

 private:
  lk_sequence* sequence_ = nullptr;
  lk_frame frame_{};
};

// ---- OpenCV ---------------------------------------------------------------------

const cv::TermCriteria kCriteria(cv::TermCriteria::COUNT | cv::TermCriteria::EPS, 30, 0.01);

Points opencv_corners(const cv::Mat& image, int n) {
  Points corners;
  cv::goodFeaturesToTrack(image, corners, n, 0.01, 8, cv::noArray(), 3, 3, false, 0.04);
  return corners;
}

// ---- Agreement ---------------------------------------------------------------------

void agree_on_flow(const std::vector<cv::Mat>& frames, int window) {
  size_t same = 0, all = 0;
  std::vector<double> distances, errors;
  for (size_t i = 0; i + 1 < frames.size(); ++i) {
    Points points = opencv_corners(frames[i], 1000), expected;
    cv::RNG random{uint64_t(i)};
    for (int k = 0; k < 200; ++k)  // anywhere, the borders and outside too
      points.emplace_back(random.uniform(-30.f, frames[i].cols + 30.f),
                          random.uniform(-30.f, frames[i].rows + 30.f));
    std::vector<uint8_t> status;
    std::vector<float> error;
    cv::calcOpticalFlowPyrLK(frames[i], frames[i + 1], points, expected, status, error,
                             {window, window}, 3, kCriteria);
    Flow flow(points.size());
    Session session;
    session.advance(frames[i], points, window, flow);
    session.advance(frames[i + 1], points, window, flow);
    for (size_t k = 0; k < points.size(); ++k) {
      const bool tracked = flow.status[k] == LK_TRACKED;
      all += 1;
      same += tracked == (status[k] != 0);
      if (!tracked || !status[k]) continue;
      distances.push_back(cv::norm(flow.next[k] - expected[k]));
      errors.push_back(std::abs(flow.error[k] - error[k]));
    }
  }
  const std::string name = "flow " + std::to_string(frames[0].cols) + "x" +
                           std::to_string(frames[0].rows) + " window " + std::to_string(window);
  require(name + ": equal status", 100. * double(same) / double(all), 99.5, false, "%");
  require(name + ": distance p50", percentile(distances, .5), 0.005, true, "px");
  require(name + ": distance p99", percentile(distances, .99), 0.05, true, "px");
  require(name + ": error p95 apart", percentile(errors, .95), 0.05, true, "grey levels");
}

void agree_on_corners(const std::vector<cv::Mat>& frames) {
  size_t same = 0, all = 0;
  for (const auto& frame : frames)
    for (const int n : {100, 500, 1000}) {
      const Points expected = opencv_corners(frame, n);
      Flow none(0);
      Session session;
      session.advance(frame, {}, 21, none);
      const Points corners = session.detect(detect_options(n));
      all += std::max(expected.size(), corners.size());
      for (size_t i = 0; i < std::min(expected.size(), corners.size()); ++i)
        same += expected[i] == corners[i];
    }
  require("corners " + std::to_string(frames[0].cols) + "x" + std::to_string(frames[0].rows) +
              ": equal at the same place",
          100. * double(same) / double(all), 99, false, "%");
}

// ---- Speed ----------------------------------------------------------------------------

void time_flow(const std::vector<cv::Mat>& frames, int n, int window) {
  const size_t last = frames.size() - 1;
  // Back and forth through the clip, so that every step is a small motion.
  const auto at = [&](int i) {
    const size_t k = size_t(i) % (2 * last);
    return k <= last ? k : 2 * last - k;
  };
  std::vector<Points> points;
  std::vector<std::vector<cv::Mat>> pyramids(frames.size());
  for (size_t i = 0; i < frames.size(); ++i) {
    Points p;
    cv::goodFeaturesToTrack(frames[i], p, n, 0.001, 5);
    points.push_back(p);
    cv::buildOpticalFlowPyramid(frames[i], pyramids[i], {window, window}, 3);
  }
  Flow flow(points[0].size() + 1000);
  Session session, session_back;
  session.advance(frames[at(0)], points[at(0)], window, flow);
  session_back.advance(frames[at(0)], points[at(0)], window, flow);
  Points next;
  std::vector<uint8_t> status;
  std::vector<float> error;
  const auto opencv = [&](const auto& from, const auto& to, const Points& p) {
    cv::calcOpticalFlowPyrLK(from, to, p, next, status, error, {window, window}, 3, kCriteria);
  };
  const auto times = measure({
      [&](int i) { session.advance(frames[at(i + 1)], points[at(i)], window, flow); },
      [&](int i) { opencv(frames[at(i)], frames[at(i + 1)], points[at(i)]); },
      [&](int i) { opencv(pyramids[at(i)], pyramids[at(i + 1)], points[at(i)]); },
      [&](int i) { session_back.advance(frames[at(i + 1)], points[at(i)], window, flow, true); },
      [&](int i) {
        opencv(frames[at(i)], frames[at(i + 1)], points[at(i)]);
        const Points there = next;
        opencv(frames[at(i + 1)], frames[at(i)], there);
      },
  });
  const std::string name = std::to_string(frames[0].cols) + "x" + std::to_string(frames[0].rows) +
                           " " + std::to_string(points[0].size()) + " points, window " +
                           std::to_string(window);
  report(name + ", two images", times[0], times[1], 4);
  report(name + ", pyramids ready", times[0], times[2], 2);
  report(name + ", and back", times[3], times[4], 4);
}

void time_corners(const std::vector<cv::Mat>& frames, int n) {
  Flow none(0);
  Session session;
  session.advance(frames[0], {}, 21, none);
  const auto options = detect_options(n);
  const auto times = measure({[&](int) { session.detect(options); },
                              [&](int) { opencv_corners(frames[0], n); }});
  report("detect " + std::to_string(frames[0].cols) + "x" + std::to_string(frames[0].rows) + " " +
             std::to_string(n) + " corners",
         times[0], times[1], 2);
}

std::vector<uint8_t> jpeg_of(const cv::Mat& grey, int quality) {
  cv::Mat colour;
  cv::cvtColor(grey, colour, cv::COLOR_GRAY2BGR);
  std::vector<cv::Mat> planes;
  cv::split(colour, planes);
  cv::GaussianBlur(planes[0], planes[0], {}, 4);
  cv::GaussianBlur(planes[2], planes[2], {}, 6);
  cv::merge(planes, colour);
  std::vector<uint8_t> jpeg;
  cv::imencode(".jpg", colour, jpeg, {cv::IMWRITE_JPEG_QUALITY, quality});
  return jpeg;
}

void time_decode(const cv::Mat& frame) {
  const auto jpeg = jpeg_of(frame, 80);
  cv::Mat ours(frame.size(), CV_8U), theirs;
  char text[256];
  uint32_t width, height;
  const auto decode = [&] {
    if (lk_decode_grey(jpeg.data(), uint32_t(jpeg.size()), 1 << 24, ours.data, uint32_t(ours.step),
                       uint32_t(ours.step * ours.rows), &width, &height, text, sizeof text))
      die("lk_decode_grey", text);
  };
  decode();
  theirs = cv::imdecode(jpeg, cv::IMREAD_GRAYSCALE);
  const std::string size = std::to_string(frame.cols) + "x" + std::to_string(frame.rows);
  require("decode " + size + ": pixels that differ", cv::countNonZero(ours != theirs), 0, true,
          "pixels");
  const auto times =
      measure({[&](int) { decode(); }, [&](int) { cv::imdecode(jpeg, cv::IMREAD_GRAYSCALE); }});
  report("decode " + size + " " + std::to_string(jpeg.size() / 1000) + " KB", times[0], times[1],
         1);
}

// ---- Many sessions ------------------------------------------------------------------------

// Frames a second of 8 sessions, JPEG in, 500 points there and back.
double sessions_per_second(const std::vector<std::vector<uint8_t>>& jpegs, const Points& points,
                           int threads) {
  constexpr int kSessions = 8, kFrames = 24;
  std::vector<Session> sessions(kSessions);
  std::atomic<int> next{0};
  const auto work = [&] {
    Flow flow(points.size());
    for (int s; (s = next++) < kSessions;)
      for (int i = 0; i < kFrames; ++i)
        sessions[size_t(s)].advance(jpegs[size_t(i) % jpegs.size()], points, 21, flow);
  };
  const double start = now_ms();
  std::vector<std::thread> workers;
  for (int i = 0; i < threads; ++i) workers.emplace_back(work);
  for (auto& w : workers) w.join();
  return kSessions * kFrames * 1000 / (now_ms() - start);
}

void scale(const std::vector<cv::Mat>& frames) {
  std::vector<std::vector<uint8_t>> jpegs;
  for (const auto& f : frames) jpegs.push_back(jpeg_of(f, 80));
  const Points points = opencv_corners(frames[0], 500);
  const int cores = int(std::thread::hardware_concurrency());
  double one = 0, all = 0;
  for (int i = 0; i < 3; ++i) {
    one = std::max(one, sessions_per_second(jpegs, points, 1));
    all = std::max(all, sessions_per_second(jpegs, points, cores));
  }
  note("8 sessions, one core", one, 0, false, "frames/s");
  note("8 sessions, " + std::to_string(cores) + " cores", all, 0, false, "frames/s");
  note("8 sessions, gain of " + std::to_string(cores) + " cores", all / one, 0.9 * cores, false,
       "x");
}

void memory(const std::vector<cv::Mat>& frames) {
  std::vector<std::vector<uint8_t>> jpegs;
  for (const auto& f : frames) jpegs.push_back(jpeg_of(f, 80));
  const Points points = opencv_corners(frames[0], 1000);
  Flow flow(points.size());
  const auto used = [] {
    const auto info = mallinfo2();
    return double(info.uordblks + info.hblkhd);
  };
  const double before = used();
  Session session;
  for (int i = 0; i < 6; ++i) {
    session.advance(jpegs[size_t(i) % jpegs.size()], points, 21, flow);
    session.detect({1000, 0.01f, 8, 3, 3, 0, 0.04f});
  }
  note("memory of a 1280x720 session", (used() - before) / 1e6, 6, true, "MB");
}

}  // namespace

int main(int argc, char** argv) {
  const char* variant = "";
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--json")) g_json = true;
    else if (!std::strcmp(argv[i], "--variant") && i + 1 < argc) variant = argv[++i];
    else if (!std::strcmp(argv[i], "--rounds") && i + 1 < argc) g_rounds = std::atoi(argv[++i]);
    else die("Cannot use the argument", argv[i]);
  }
  cv::setNumThreads(1);
  char text[256];
  if (lk_engine_create("cpu", variant, &g_engine, text, sizeof text)) die("lk_engine_create", text);
  if (!g_json)
    std::printf("%s, variant %s; OpenCV %s, 1 thread; %d rounds\n\nAgreement\n",
                lk_engine_device(g_engine), lk_engine_variant(g_engine), CV_VERSION, g_rounds);

  const auto vga = clip(640, 480, 12), hd = clip(1280, 720, 8);
  for (const auto* frames : {&vga, &hd}) {
    for (const int window : {15, 21}) agree_on_flow(*frames, window);
    agree_on_corners(*frames);
  }
  if (!g_json)
    std::printf("\nTime, ms                                       lkstream p50, p95, p99 | OpenCV "
                "p50, p95, p99  | ratio of p50\n");
  for (const auto* frames : {&vga, &hd}) {
    for (const int n : {500, 1000})
      for (const int window : {15, 21}) time_flow(*frames, n, window);
    for (const int n : {500, 1000}) time_corners(*frames, n);
    time_decode((*frames)[0]);
  }
  if (!g_json) std::printf("\nMany sessions\n");
  scale(hd);
  memory(hd);
  if (g_json)
    std::printf("{\"device\":\"%s\",\"variant\":\"%s\",\"opencv\":\"%s\",\"agree\":%s,"
                "\"results\":[%s]}\n",
                lk_engine_device(g_engine), lk_engine_variant(g_engine), CV_VERSION,
                g_agree ? "true" : "false", g_results.c_str());
  lk_engine_destroy(g_engine);
  return g_agree ? 0 : 1;
}
