// The CUDA engine timed on 1280 × 720 frames of a camera that moves over a made
// scene, beside the goals set for it and beside the CPU engine; first that both
// say the same.
//
//   cuda_bench [--host | --sequences | --profile]
//
// Grey frames lie in pinned memory, as those of the figures to compare with do;
// the rows that say so, in ordinary memory. All times are wall clock, from the
// call to its return, results on the host. --host tells what a frame costs the
// processor; --sequences times what depends on their number as well; --profile
// runs a few frames and no clock, for a profiler.
#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "cuda_scene.h"
#include "calls.h"
#include "lkstream.h"

namespace {

constexpr int kWidth = 1280, kHeight = 720, kFrames = 8;
const lk_flow_options kA{15, 15, 2, 10, 0.01f, 1e-4f, 0};
const lk_flow_options kB{21, 21, 3, 30, 0.01f, 1e-4f, 0};
const lk_detect_options kDetect{1000, 0.01f, 7, 3, 3, 0, 0.04f};

double now_us() {
  using namespace std::chrono;
  return duration<double, std::micro>(steady_clock::now().time_since_epoch()).count();
}

void must(int32_t status, const char* what) {
  if (status == LK_OK) return;
  std::printf("%s failed: %d\n", what, status);
  std::exit(1);
}

double percentile(std::vector<double>& v, double share) {
  if (v.empty()) return 0;
  std::sort(v.begin(), v.end());
  return v[std::min(v.size() - 1, size_t(share * double(v.size())))];
}

struct Clip {
  std::vector<Picture> pictures;
  std::vector<uint8_t*> pinned;
  std::vector<std::vector<uint8_t>> jpegs;
  std::vector<std::vector<float>> corners;  // up to 4000 of each frame

  // Forth and back, so that it can go on for ever.
  static size_t index(int i) {
    const int k = i % (2 * kFrames - 2);
    return size_t(k < kFrames ? k : 2 * kFrames - 2 - k);
  }
};

Clip make_clip(lk_engine* cpu, bool pinned) {
  Clip clip;
  const Scene scene(7);
  for (int i = 0; i < kFrames; ++i) {
    const Picture p = scene.frame(kWidth, kHeight, float(i), 1);
    uint8_t* copy = nullptr;
    if (!pinned || cudaMallocHost(reinterpret_cast<void**>(&copy), p.pixels.size()) != cudaSuccess)
      copy = static_cast<uint8_t*>(std::malloc(p.pixels.size()));
    std::memcpy(copy, p.pixels.data(), p.pixels.size());
    clip.pinned.push_back(copy);
    int quality = 90;
    auto jpeg = jpeg_of(p, Jpeg::kColour, quality);
    while (jpeg.size() > 54000 && quality > 10) jpeg = jpeg_of(p, Jpeg::kColour, quality -= 2);
    clip.jpegs.push_back(std::move(jpeg));
    std::vector<float> corners(8000);
    uint32_t count = 0;
    lk_detect_options o = kDetect;
    o.max_corners = 4000, o.min_distance = 5, o.quality_level = 1e-4f;
    must(good_features(cpu, p.pixels.data(), kWidth, kHeight, kWidth, &o, corners.data(), nullptr,
                       4000, &count),
         "detect");
    corners.resize(2 * size_t(count));
    clip.corners.push_back(std::move(corners));
    clip.pictures.push_back(p);
  }
  std::printf("clip: %d frames of %d x %d, JPEGs of %zu bytes, %zu corners\n", kFrames, kWidth,
              kHeight, clip.jpegs[0].size(), clip.corners[0].size() / 2);
  return clip;
}

enum class Input { kPinned, kOrdinary, kJpeg };

// One sequence that goes through the clip for ever.
class Player {
 public:
  Player(lk_engine* engine, const Clip& clip, const lk_flow_options& options, uint32_t n,
         Input input, bool back = false)
      : clip_(clip), options_(options), n_(n), input_(input), back_(back), next(2 * size_t(n)),
        errors(n), fb(n), status(n) {
    must(lk_sequence_create(engine, LK_MAX_PIXELS, &sequence_, nullptr, 0), "sequence");
    // Until it has all that it will have.
    for (int i = 0; i < kFrames; ++i) step();
  }
  Player(const Player&) = delete;
  ~Player() { lk_sequence_destroy(sequence_); }

  lk_sequence* sequence() const { return sequence_; }

  // The next frame, with the corners of the one before it.
  lk_job job() {
    const size_t before = Clip::index(std::max(frame_ - 1, 0)), here = Clip::index(frame_++);
    const auto& corners = clip_.corners[before];
    const auto& jpeg = clip_.jpegs[here];
    const lk_image image =
        input_ == Input::kJpeg     ? jpeg_image(jpeg.data(), uint32_t(jpeg.size()))
        : input_ == Input::kPinned ? grey_image(clip_.pinned[here], kWidth, kHeight, kWidth)
                                   : grey_image(clip_.pictures[here].pixels.data(), kWidth, kHeight,
                                                kWidth);
    return advance_job(image, options_,
                       {corners.data(), nullptr, next.data(), status.data(), errors.data(),
                        back_ ? fb.data() : nullptr, std::min(n_, uint32_t(corners.size() / 2)), 0});
  }

  void step() {
    lk_completion done;
    must(run(sequence_, job(), done), "advance");
  }

  uint32_t detect(std::vector<float>& corners) {
    uint32_t count = 0;
    must(detect_corners(sequence_, &kDetect, nullptr, 0, nullptr, 0, 0, 0, corners.data(),
                            nullptr, uint32_t(corners.size() / 2), &count, nullptr),
         "detect");
    return count;
  }

 private:
  const Clip& clip_;
  const lk_flow_options options_;
  const uint32_t n_;
  const Input input_;
  const bool back_;
  lk_sequence* sequence_ = nullptr;
  int frame_ = 0;

 public:
  std::vector<float> next, errors, fb;
  std::vector<uint8_t> status;
};

struct Rates {
  double per_second, p50, p99;  // the latter two in µs
};

// Several threads, each with what `make` gives it, for some time.
Rates measure(int threads, double seconds,
              const std::function<std::function<void()>(int)>& make) {
  std::vector<std::vector<double>> times{size_t(threads)};
  std::atomic<int> ready{0};
  std::atomic<bool> start{false}, stop{false};
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; ++t)
    pool.emplace_back([&, t] {
      const auto body = make(t);
      times[size_t(t)].reserve(1 << 18);
      for (int i = 0; i < 8; ++i) body();
      ++ready;
      while (!start) std::this_thread::yield();
      while (!stop) {
        const double from = now_us();
        body();
        times[size_t(t)].push_back(now_us() - from);
      }
    });
  while (ready < threads) std::this_thread::yield();
  start = true;
  const double from = now_us();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop = true;
  const double elapsed = now_us() - from;
  for (auto& t : pool) t.join();
  std::vector<double> all;
  for (const auto& t : times) all.insert(all.end(), t.begin(), t.end());
  return {double(all.size()) / elapsed * 1e6, percentile(all, .5), percentile(all, .99)};
}

Rates follow(lk_engine* engine, const Clip& clip, const lk_flow_options& options, uint32_t n,
             Input input, int threads, double seconds, bool back = false) {
  return measure(threads, seconds, [&](int) {
    auto player = std::make_shared<Player>(engine, clip, options, n, input, back);
    return [player] { player->step(); };
  });
}

// One thread that keeps so many sequences at work, a frame of each, through a queue.
Rates in_flight(lk_engine* engine, const Clip& clip, const lk_flow_options& options, uint32_t n,
                Input input, int sequences, double seconds) {
  std::vector<std::unique_ptr<Player>> players;
  for (int i = 0; i < sequences; ++i)
    players.push_back(std::make_unique<Player>(engine, clip, options, n, input));
  lk_queue* queue = nullptr;
  must(lk_queue_create(&queue, nullptr, 0), "queue");
  std::vector<double> submitted(players.size()), times;
  times.reserve(1 << 20);
  const auto submit = [&](uint32_t i) {
    lk_job job = players[i]->job();
    job.tag = i;
    submitted[i] = now_us();
    must(lk_queue_submit(queue, players[i]->sequence(), &job, nullptr), "submit");
  };
  size_t under_way = players.size();
  for (uint32_t i = 0; i < players.size(); ++i) submit(i);
  const double warm = now_us() + 5e4, end = warm + seconds * 1e6;
  while (under_way > 0) {
    lk_completion done[64];
    const uint32_t count = lk_queue_wait(queue, done, 64);
    const double now = now_us();
    for (uint32_t k = 0; k < count; ++k) {
      must(done[k].status, "advance");
      if (now > warm && now < end) times.push_back(now - submitted[done[k].tag]);
      if (now < end)
        submit(done[k].tag);
      else
        --under_way;
    }
  }
  lk_queue_destroy(queue);
  return {double(times.size()) / seconds, percentile(times, .5), percentile(times, .99)};
}

Rates detect(lk_engine* engine, const Clip& clip, int threads, double seconds) {
  return measure(threads, seconds, [&](int) {
    auto player = std::make_shared<Player>(engine, clip, kA, 0, Input::kOrdinary);
    auto corners = std::make_shared<std::vector<float>>(2000);
    return [player, corners] { player->detect(*corners); };
  });
}

// nvJPEG by itself, luma into device memory, one image after the other: what a single
// JPEG is to be compared with. Zeros where there is no nvJPEG.
Rates nvjpeg_alone(const Clip& clip, double seconds) {
  struct Target {
    unsigned char* channel[4];
    size_t pitch[4];
  };
  constexpr int kLuma = 2;
  const std::string name = "libnvjpeg.so." + std::to_string(CUDART_VERSION / 1000);
  void* file = dlopen(name.c_str(), RTLD_NOW);
  if (!file) return {};
  const auto create = reinterpret_cast<int (*)(void**)>(dlsym(file, "nvjpegCreateSimple"));
  const auto create_state =
      reinterpret_cast<int (*)(void*, void**)>(dlsym(file, "nvjpegJpegStateCreate"));
  const auto decode = reinterpret_cast<int (*)(void*, void*, const uint8_t*, size_t, int, Target*,
                                               cudaStream_t)>(dlsym(file, "nvjpegDecode"));
  return measure(1, seconds, [&](int) {
    void *handle = nullptr, *state = nullptr, *d_luma = nullptr;
    cudaStream_t stream = nullptr;
    must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
    must(cudaMalloc(&d_luma, kWidth * kHeight), "device memory");
    must(create(&handle), "nvJPEG");
    must(create_state(handle, &state), "nvJPEG's state");
    const Target target{{static_cast<unsigned char*>(d_luma)}, {kWidth}};
    return [=, &clip, i = 0]() mutable {
      const auto& jpeg = clip.jpegs[Clip::index(i++)];
      Target luma = target;
      must(decode(handle, state, jpeg.data(), jpeg.size(), kLuma, &luma, stream), "nvJPEG");
      must(cudaStreamSynchronize(stream), "nvJPEG");
    };
  });
}

void validate(lk_engine* cpu, lk_engine* cuda, const Clip& clip) {
  size_t unequal = 0, total = 0;
  for (Input input : {Input::kOrdinary, Input::kJpeg}) {
    Player a(cpu, clip, kB, 1000, input, true), b(cuda, clip, kB, 1000, input, true);
    for (int i = 0; i < 2 * kFrames; ++i) {
      a.step();
      b.step();
      for (size_t k = 0; k < a.status.size(); ++k, ++total)
        unequal += a.status[k] != b.status[k] || a.next[2 * k] != b.next[2 * k] ||
                   a.next[2 * k + 1] != b.next[2 * k + 1] || a.errors[k] != b.errors[k];
    }
    std::vector<float> p(2000), q(2000);
    const uint32_t n = a.detect(p), m = b.detect(q);
    if (n != m || p != q) ++unequal, std::printf("corners differ: %u and %u\n", n, m);
  }
  const size_t tracked = [&] {
    Player a(cpu, clip, kB, 1000, Input::kOrdinary);
    return size_t(std::count(a.status.begin(), a.status.end(), uint8_t(LK_TRACKED)));
  }();
  std::printf("validated: %zu of %zu results not bit-equal; %zu of 1000 points tracked\n\n", unequal,
              total, tracked);
  if (unequal * 1000 > total) std::exit(1);
}

// What the process takes of the processor while a body runs, in cores.
double cores_of(const std::function<void()>& body) {
  const double cpu = double(std::clock()), from = now_us();
  body();
  return (double(std::clock()) - cpu) / CLOCKS_PER_SEC / ((now_us() - from) * 1e-6);
}

struct HostTime {
  double all_us, library_us;  // of the process; of the library's own threads
  double p50, p99;            // us from submit to what lk_queue_wait brings
};

// What threads with such a name have run so far.
double ran_us(const char* name_begins) {
  double sum = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    double ns = 0;
    std::ifstream(task.path() / "comm") >> name;
    std::ifstream(task.path() / "schedstat") >> ns;
    if (name.rfind(name_begins, 0) == 0) sum += ns * 1e-3;
  }
  return sum;
}

// Of the processor, for a frame of cameras that send so many a second: a thread submits,
// one waits.
HostTime host_time(lk_engine* engine, const Clip& clip, Input input, int cameras, int fps) {
  std::vector<std::unique_ptr<Player>> players;
  for (int i = 0; i < cameras; ++i)
    players.push_back(std::make_unique<Player>(engine, clip, kB, 1000, input));
  lk_queue* queue = nullptr;
  must(lk_queue_create(&queue, nullptr, 0), "queue");
  const int frames = std::max(60, cameras * fps * 2);
  std::vector<double> submitted(static_cast<size_t>(frames)), took;
  std::thread waiter([&] {
    lk_completion done[64];
    for (int left = frames; left > 0;) {
      const uint32_t count = lk_queue_wait(queue, done, 64);
      for (uint32_t k = 0; k < count; ++k) {
        must(done[k].status, "advance");
        took.push_back(now_us() - submitted[done[k].tag]);
      }
      left -= int(count);
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // what was before ends
  const std::clock_t from = std::clock();
  const double ran = ran_us("lk-");
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < frames; ++i) {
    std::this_thread::sleep_until(start + std::chrono::nanoseconds(i * 1000000000ll / (cameras * fps)));
    Player& player = *players[size_t(i % cameras)];
    lk_job job = player.job();
    job.tag = uint32_t(i);
    submitted[size_t(i)] = now_us();
    must(lk_queue_submit(queue, player.sequence(), &job, nullptr), "submit");
  }
  waiter.join();
  const HostTime time{double(std::clock() - from) / CLOCKS_PER_SEC * 1e6 / frames,
                      (ran_us("lk-") - ran) / frames, percentile(took, .5), percentile(took, .99)};
  lk_queue_destroy(queue);
  players.clear();
  lk_counters c{};
  do {  // until they are gone
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    must(lk_engine_counters(engine, &c, sizeof c), "counters");
  } while (c.sequences > 0);
  return time;
}

// Throughput by the number of sequences: from a thread for each that makes blocking
// calls, and from one thread that submits to a queue.
void print_sequences(lk_engine* cuda, const Clip& clip) {
  std::printf("| %-10s | %9s | %28s | %34s |\n| --- | --- | --- | --- |\n", "frames", "sequences",
              "a thread each: /s, p50, cores", "a queue: /s, p50, p99, cores");
  const auto line = [&](const char* what, Input input, int sequences) {
    Rates calls, queue;
    const double call_cores =
        cores_of([&] { calls = follow(cuda, clip, kB, 1000, input, sequences, .4); });
    const double queue_cores =
        cores_of([&] { queue = in_flight(cuda, clip, kB, 1000, input, sequences, .4); });
    std::printf("| %-10s | %9d | %9.0f %7.1f us %6.2f | %9.0f %7.1f us %7.1f us %6.2f |\n", what,
                sequences, calls.per_second, calls.p50, call_cores, queue.per_second, queue.p50,
                queue.p99, queue_cores);
    std::fflush(stdout);
  };
  for (int n : {1, 2, 3, 4, 6, 8, 12, 16, 64}) line("B, grey", Input::kPinned, n);
  for (int n : {1, 8, 64}) line("B, JPEG", Input::kJpeg, n);
}

void print_host_time(lk_engine* cuda, const Clip& clip) {
  for (const int cameras : {1, 64, 300}) {
    const HostTime t = host_time(cuda, clip, Input::kJpeg, cameras, 30);
    std::printf("%d cameras, JPEGs, 30 a second: %.0f us of the processor a frame, of it %.0f in the "
                "library's threads; p50 %.0f us, p99 %.0f us\n",
                cameras, t.all_us, t.library_us, t.p50, t.p99);
    std::fflush(stdout);
  }
}

void row(const char* name, const char* opencv, const char* goal, const char* format, double here,
         bool reached) {
  char text[64];
  std::snprintf(text, sizeof text, format, here);
  std::printf("| %-58s | %-14s | %-10s | %-12s | %s |\n", name, opencv, goal, text,
              reached ? "yes" : "no");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const bool profile = argc > 1 && std::strcmp(argv[1], "--profile") == 0;
  char text[512] = "";
  lk_engine *cpu = nullptr, *cuda = nullptr;
  must(lk_engine_create("cpu", "", &cpu, text, sizeof text), "engine cpu");
  if (lk_engine_create("cuda", "", &cuda, text, sizeof text) != LK_OK) {
    std::printf("skipped: %s\n", text);
    return 0;
  }
  std::printf("%s; %s (%s), %u threads\n", lk_engine_device(cuda), lk_engine_device(cpu),
              lk_engine_variant(cpu), std::thread::hardware_concurrency());
  const Clip clip = make_clip(cpu, true);
  if (profile) {
    Player a(cuda, clip, kA, 1000, Input::kPinned), b(cuda, clip, kB, 1000, Input::kPinned),
        back(cuda, clip, kB, 1000, Input::kPinned, true);
    std::vector<float> corners(2000);
    for (int i = 0; i < 3; ++i) a.step(), b.step(), back.step(), b.detect(corners);
    return 0;
  }
  validate(cpu, cuda, clip);
  print_host_time(cuda, clip);
  if (argc > 1 && std::strcmp(argv[1], "--host") == 0) return 0;
  print_sequences(cuda, clip);
  if (argc > 1 && std::strcmp(argv[1], "--sequences") == 0) return 0;

  std::printf("| %-58s | %-14s | %-10s | %-12s | %s |\n", "row", "OpenCV CUDA", "goal", "here",
              "reached");
  std::printf("| --- | --- | --- | --- | --- |\n");
  follow(cuda, clip, kB, 1000, Input::kPinned, 4, 1);  // clocks up
  Rates r = follow(cuda, clip, kA, 1000, Input::kPinned, 1, 1);
  row("A, one stream, median", "105 us", "50 us", "%.1f us", r.p50, r.p50 <= 50);
  r = follow(cuda, clip, kB, 1000, Input::kPinned, 1, 1);
  row("B, one stream, median", "182 us", "75 us", "%.1f us", r.p50, r.p50 <= 75);
  r = follow(cuda, clip, kB, 0, Input::kPinned, 1, .5);
  row("  without points: upload, pyramid, wait", "", "", "%.1f us", r.p50, true);
  r = follow(cuda, clip, kB, 1, Input::kPinned, 1, .5);
  row("  with one point", "", "", "%.1f us", r.p50, true);
  r = follow(cuda, clip, kB, 200, Input::kPinned, 1, .5);
  row("  with 200 points", "", "", "%.1f us", r.p50, true);
  r = follow(cuda, clip, kB, 1000, Input::kPinned, 64, 2);
  row("B, aggregate, 64 sequences", "5400/s", "20000/s", "%.0f/s", r.per_second,
      r.per_second >= 20000);
  row("  latency there, p99", "", "", "%.0f us", r.p99, true);
  r = follow(cuda, clip, kB, 1000, Input::kPinned, 16, 2);
  row("B, latency with 16 sequences at full load, p99", "13.8 ms", "2 ms", "%.0f us", r.p99,
      r.p99 <= 2000);
  row("  aggregate there", "2900/s", "", "%.0f/s", r.per_second, true);
  r = follow(cuda, clip, kB, 4000, Input::kPinned, 1, 1);
  row("4000 points B, one stream, median", "322 us", "150 us", "%.1f us", r.p50, r.p50 <= 150);
  r = follow(cuda, clip, kB, 1000, Input::kPinned, 1, 1, true);
  row("B and back, one stream, median", "", "", "%.1f us", r.p50, true);
  r = follow(cuda, clip, kB, 1000, Input::kOrdinary, 1, 1);
  row("B, one stream, frames in ordinary memory, median", "", "", "%.1f us", r.p50, true);
  r = follow(cuda, clip, kB, 1000, Input::kOrdinary, 64, 1, true);
  row("B and back, 64 sequences, ordinary memory", "", "", "%.0f/s", r.per_second, true);
  r = detect(cuda, clip, 1, 1);
  row("detect 1000 corners, median", "370 us", "120 us", "%.1f us", r.p50, r.p50 <= 120);
  r = detect(cuda, clip, 16, 2);
  row("detect 1000 corners, 16 threads", "1750/s", "8000/s", "%.0f/s", r.per_second,
      r.per_second >= 8000);
  r = follow(cuda, clip, kA, 0, Input::kJpeg, 1, 1);
  row("JPEG to luma (and pyramid), one image, median", "nvJPEG 520 us", "130 us", "%.0f us", r.p50,
      r.p50 <= 130);
  r = nvjpeg_alone(clip, 1);
  if (r.p50 > 0) row("  nvJPEG alone, without a pyramid", "", "", "%.0f us", r.p50, true);
  r = follow(cuda, clip, kB, 1000, Input::kJpeg, 1, 1);
  row("JPEG to luma, tracking B on top, one stream, median", "", "180 us", "%.0f us", r.p50,
      r.p50 <= 180);
  r = follow(cuda, clip, kB, 1000, Input::kJpeg, 64, 3);
  row("JPEG to luma, tracking B on top, 64 sequences", "", "30000/s", "%.0f/s", r.per_second,
      r.per_second >= 30000);
  row("  latency there, p99", "", "3.5 ms", "%.0f us", r.p99, r.p99 <= 3500);
  r = follow(cuda, clip, kB, 1000, Input::kJpeg, 16, 2);
  row("JPEG to luma, tracking B on top, 16 sequences", "", "", "%.0f/s", r.per_second, true);
  row("  latency there, p99", "", "", "%.0f us", r.p99, true);

  std::printf("\n| %-58s | %-14s | %-14s |\n| --- | --- | --- |\n", "side by side, grey frames",
              "cuda", "cpu, 1 thread");
  const auto pair = [&](const char* name, const Rates& a, const Rates& b) {
    std::printf("| %-58s | %8.1f us    | %8.1f us    |\n", name, a.p50, b.p50);
    std::fflush(stdout);
  };
  pair("A, 1000 points", follow(cuda, clip, kA, 1000, Input::kOrdinary, 1, .5),
       follow(cpu, clip, kA, 1000, Input::kOrdinary, 1, .5));
  pair("B, 1000 points", follow(cuda, clip, kB, 1000, Input::kOrdinary, 1, .5),
       follow(cpu, clip, kB, 1000, Input::kOrdinary, 1, .5));
  pair("B and back, 1000 points", follow(cuda, clip, kB, 1000, Input::kOrdinary, 1, .5, true),
       follow(cpu, clip, kB, 1000, Input::kOrdinary, 1, .5, true));
  pair("detect 1000 corners", detect(cuda, clip, 1, .5), detect(cpu, clip, 1, .5));
  pair("JPEG, B, 1000 points", follow(cuda, clip, kB, 1000, Input::kJpeg, 1, .5),
       follow(cpu, clip, kB, 1000, Input::kJpeg, 1, .5));
  const Rates cpus = follow(cpu, clip, kB, 1000, Input::kJpeg, 16, 1);
  std::printf("\ncpu, JPEG and B, 16 threads: %.0f/s\n", cpus.per_second);
  return 0;
}
