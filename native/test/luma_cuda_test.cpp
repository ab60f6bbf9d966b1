// Luma as the GPU's cores decode it, beside libjpeg and beside the same steps on the CPU:
// the same pixels and the same verdict, for files of all kinds and for damaged ones.
//
//   luma_cuda_test [--quick | --races] [--mutations N]
//
// N damaged files (20,000), by as many threads as there are cores. --quick, under
// compute-sanitizer, leaves out most; --races all but a few small ones. Without a GPU it
// says so.
#include <cuda_runtime_api.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "check.h"
#include "cuda/luma.h"
#include "cuda/stream.h"
#include "luma_cases.h"
#include "luma_check.h"

namespace {

using namespace luma_cases;
using lk::cuda::LumaDecoder;
constexpr uint32_t kMaxPixels = 1 << 26;

std::atomic<int> decoded{0}, refused{0}, different{0};

// What a sequence has.
class Gpu {
 public:
  // Nothing where libjpeg has to decode the file.
  Luma luma_of(const Bytes& jpeg) {
    using namespace lk::cuda;
    if (!scan_.open(jpeg.data(), jpeg.size())) return {};
    const auto& layout = scan_.frame.layout;
    if (uint64_t(layout.width) * layout.height > kMaxPixels) return {};
    DeviceImage to{nullptr, int(layout.width), int(layout.height), int(layout.width + 127) & ~127};
    const size_t bytes = size_t(to.pitch) * layout.height;
    to.d_pixels = pixels_.reserve(bytes);
    check(cudaMemsetAsync(to.d_pixels, 77, bytes, stream_), "clear");
    if (!decoder_.add(scan_, to, true, launches_, stream_)) return {};
    launches_.start(stream_);
    Luma luma{layout.width, layout.height, std::vector<uint8_t>(size_t(layout.width) * layout.height)};
    check(cudaMemcpy2DAsync(luma.pixels.data(), layout.width, to.d_pixels, size_t(to.pitch),
                            layout.width, layout.height, cudaMemcpyDeviceToHost, stream_),
          "copy back");
    check(cudaStreamSynchronize(stream_), "wait");
    const auto verdict = decoder_.verdict();
    CHECK(verdict != LumaDecoder::kUnknown);
    if (verdict != LumaDecoder::kEven) return {};
    return luma;
  }

 private:
  lk::cuda::LumaScan scan_;
  lk::cuda::DeviceBuffer<uint8_t> pixels_;
  lk::cuda::LumaDecoder decoder_;
  lk::cuda::Launches launches_;
  lk::cuda::Stream stream_;
};

void check_equal(Gpu& gpu, const Bytes& jpeg, const char* what, int a, int b) {
  const Luma luma = gpu.luma_of(jpeg);
  const bool equal = !luma.pixels.empty() && luma.pixels == luma_of_libjpeg(jpeg, kMaxPixels).pixels;
  if (!equal)
    std::printf("%s %d %d: %s\n", what, a, b, luma.pixels.empty() ? "not decoded" : "other pixels");
  CHECK(equal);
  ++decoded;
}

void check_damaged(Gpu& gpu, lk::cuda::LumaScan& scan, const Bytes& jpeg) {
  const Luma luma = gpu.luma_of(jpeg), beside = luma_of_cpu(scan, jpeg, kMaxPixels);
  if (luma.pixels != beside.pixels) ++different;
  if (luma.pixels.empty()) {
    ++refused;
    return;
  }
  ++decoded;
  if (luma.pixels != luma_of_libjpeg(jpeg, kMaxPixels).pixels) ++different;
}

// Damaged where the coded data is, so that most of it gets to the GPU.
void damage(Bytes& jpeg, Random& random) {
  const size_t from = random.below(8) ? marker_at(jpeg, 0xda) + 14 : 2;
  for (int n = 1 + random.below(3); n > 0; --n) {
    const size_t at = from + size_t(random.below(int(jpeg.size() - from)));
    switch (random.below(5)) {
      case 0: jpeg[at] ^= uint8_t(1 << random.below(8)); break;
      case 1: jpeg[at] = uint8_t(random.below(256)); break;
      case 2: jpeg.erase(jpeg.begin() + long(at)); break;
      case 3: jpeg.insert(jpeg.begin() + long(at), uint8_t(random.below(256))); break;
      case 4: {
        const size_t length = std::min(size_t(random.below(64)), jpeg.size() - at);
        const Bytes piece(jpeg.begin() + long(at), jpeg.begin() + long(at + length));
        jpeg.insert(jpeg.begin() + long(from), piece.begin(), piece.end());
      }
    }
  }
}

std::vector<Bytes> seeds() {
  const auto restarts = [](Encoder& e) { e.restart_interval = 5; };
  return {jpeg_of(waves(48, 40), Jpeg::kGrey),
          colour_jpeg(160, 120, 92),
          colour_jpeg(160, 120, 60, sampled(1, 1)),
          colour_jpeg(200, 96, 85, sampled(2, 1)),
          colour_jpeg(128, 128, 95, restarts),
          colour_jpeg(120, 80, 95, [](Encoder& e) { e.optimize_coding = TRUE; }),
          jpeg_of(noise(80, 48, 1), Jpeg::kGrey, 100)};
}

void damaged(int count) {
  const std::vector<Bytes> all = seeds();
  const int threads = std::max(1, int(std::thread::hardware_concurrency()));
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; ++t)
    pool.emplace_back([&, t] {
      Gpu gpu;
      lk::cuda::LumaScan scan;
      Random random(uint64_t(t) + 1);
      for (int i = t; i < count; i += threads) {
        Bytes jpeg = all[size_t(random.below(int(all.size())))];
        damage(jpeg, random);
        check_damaged(gpu, scan, jpeg);
      }
    });
  for (auto& thread : pool) thread.join();
  std::printf("%d damaged files: %d decoded, %d refused, %d different\n", count, decoded.load(),
              refused.load(), different.load());
  CHECK_EQUAL(different.load(), 0);
  CHECK(count < 100 || (decoded > 0 && refused > 0));
}

}  // namespace

int main(int argc, char** argv) {
  bool quick = false, races = false;
  int mutations = 20000;
  for (int i = 1; i < argc; ++i) {
    races |= !std::strcmp(argv[i], "--races");
    quick |= races || !std::strcmp(argv[i], "--quick");
    if (!std::strcmp(argv[i], "--mutations") && i + 1 < argc) mutations = std::atoi(argv[++i]);
  }
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("skipped: there is no GPU on this machine\n");
    return finish("luma_cuda_test");
  }
  try {
    Gpu gpu;
    const auto check = [&](const Bytes& jpeg, const char* what, int a, int b) {
      check_equal(gpu, jpeg, what, a, b);
    };
    check(colour_jpeg(320, 240, 90), "usual", 320, 240);
    check(colour_jpeg(320, 240, 90, [](Encoder& e) { e.restart_interval = 7; }), "restarts", 7, 0);
    check(jpeg_of(waves(200, 120), Jpeg::kGrey), "grey", 200, 120);
    if (!races) check(colour_jpeg(1280, 720, 75), "large", 1280, 720);
    if (!quick) {
      all(check);
      for (const int quality : {10, 40, 75}) check(colour_jpeg(1920, 1080, quality), "large", quality, 0);
      check(colour_jpeg(7680, 4320, 80), "huge", 7680, 4320);
      check(jpeg_of(Picture(1280, 720), Jpeg::kColour), "black", 1280, 720);
      check(jpeg_of(squares(1280, 720, 20), Jpeg::kColour, 95), "squares", 1280, 720);
      std::printf("%d files as libjpeg has them\n", decoded.exchange(0));
    }
    damaged(races ? 16 : quick ? 200 : mutations);
  } catch (const lk::Error& error) {
    std::printf("failed: %s\n", error.text.c_str());
    ++g_failures;
  }
  return finish("luma_cuda_test");
}
