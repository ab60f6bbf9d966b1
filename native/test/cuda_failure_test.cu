// A GPU that fails for good: this program's own kernel breaks the CUDA context that
// it shares with the library. CUDA then refuses every GPU to this process, also those
// that are well. So all sequences are lost, each says so, and the CPU engine goes on.
// Without a GPU there is nothing to break, and it says so.
#include <cuda_runtime.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "calls.h"
#include "check.h"
#include "lkstream.h"
#include "pictures.h"

namespace {

__global__ void break_device() { __trap(); }

constexpr uint32_t kWidth = 160, kHeight = 120, kPoints = 3;
const lk_flow_options kFlow{15, 15, 2, 10, 0.01f, 1e-4f, 0};

struct Sequence {
  lk_sequence* handle = nullptr;
  char text[512] = "";
  int32_t status;

  explicit Sequence(lk_engine* engine)
      : status(lk_sequence_create(engine, LK_MAX_PIXELS, &handle, text, sizeof text)) {}
  Sequence(const Sequence&) = delete;
  ~Sequence() { lk_sequence_destroy(handle); }

  int32_t advance(const Picture& p) {
    const float points[2 * kPoints] = {40, 40, 80, 60, 120, 90};
    float next[2 * kPoints], errors[kPoints];
    uint8_t statuses[kPoints];
    lk_frame frame;
    return advance_grey(handle, p.pixels.data(), kWidth, kHeight, kWidth, &kFlow,
                                    points, kPoints, nullptr, next, statuses, errors, nullptr,
                                    &frame);
  }
};

lk_counters counters(const lk_engine* engine) {
  lk_counters c{};
  CHECK_EQUAL(lk_engine_counters(engine, &c, sizeof c), LK_OK);
  return c;
}

}  // namespace

int main() {
  char text[512] = "";
  lk_engine* engine = nullptr;
  if (lk_engine_create("cuda", "", &engine, text, sizeof text) != LK_OK) {
    std::printf("skipped: %s\n", text);
    return finish("cuda_failure_test");
  }
  const uint32_t devices = counters(engine).devices;
  const Picture picture = noise(kWidth, kHeight, 1);
  std::vector<std::unique_ptr<Sequence>> sequences;
  for (uint32_t i = 0; i < 4 * devices; ++i) {
    sequences.push_back(std::make_unique<Sequence>(engine));
    for (int frame = 0; frame < 2; ++frame) CHECK_EQUAL(sequences.back()->advance(picture), LK_OK);
  }
  CHECK_EQUAL(counters(engine).failed_devices, 0u);

  cudaSetDevice(0);
  break_device<<<1, 1>>>();
  CHECK(cudaDeviceSynchronize() != cudaSuccess);

  for (int frame = 0; frame < 2; ++frame)
    for (const auto& s : sequences) {
      CHECK_EQUAL(s->advance(picture), LK_ENGINE_FAILED);
      const std::string said = last_error();
      if (s == sequences.front()) std::printf("%s\n", said.c_str());
      CHECK(said.rfind("Cannot ", 0) == 0 && said.back() == '.');
      if (frame > 0) CHECK(std::strstr(said.c_str(), "has failed"));  // it is not tried again
    }
  CHECK_EQUAL(counters(engine).failed_devices, devices);
  CHECK_EQUAL(counters(engine).devices, devices);

  Sequence fresh(engine);
  CHECK_EQUAL(fresh.status, LK_ENGINE_FAILED);
  CHECK(!fresh.handle && std::strstr(fresh.text, "has failed"));
  std::printf("%s\n", fresh.text);

  lk_engine* cpu = nullptr;
  CHECK_EQUAL(lk_engine_create("cpu", "", &cpu, text, sizeof text), LK_OK);
  {
    Sequence instead(cpu);
    for (int frame = 0; frame < 2; ++frame) CHECK_EQUAL(instead.advance(picture), LK_OK);
  }
  lk_engine_destroy(cpu);
  std::printf("%u GPUs, one of which was broken\n", devices);
  lk_engine_destroy(engine);
  return finish("cuda_failure_test");
}
