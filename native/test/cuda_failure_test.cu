// A GPU that fails for good: this program's own kernel breaks the CUDA context that
// it shares with the library. Its sequences are lost; those on other GPUs go on, and
// new ones go there. Without a GPU there is nothing to break, and it says so.
#include <cuda_runtime.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

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
    return lk_sequence_advance_grey(handle, p.pixels.data(), kWidth, kHeight, kWidth, &kFlow,
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

  // Sequences are spread evenly: one of so many devices had four of them.
  std::vector<Sequence*> lost;
  for (const auto& s : sequences)
    for (int frame = 0; frame < 2; ++frame) {
      const int32_t status = s->advance(picture);
      if (status == LK_OK) continue;
      CHECK_EQUAL(status, LK_ENGINE_FAILED);
      std::string said = lk_last_error(s->handle);
      if (lost.empty()) std::printf("%s\n", said.c_str());
      CHECK(said.rfind("Cannot ", 0) == 0 && said.back() == '.');
      if (frame == 0) lost.push_back(s.get());
    }
  CHECK_EQUAL(lost.size(), 4u);
  if (!lost.empty()) std::printf("%s\n", lk_last_error(lost[0]->handle));
  CHECK_EQUAL(counters(engine).failed_devices, 1u);
  CHECK_EQUAL(counters(engine).devices, devices);

  // New ones go elsewhere, or are refused.
  for (int i = 0; i < 3; ++i) {
    Sequence fresh(engine);
    CHECK_EQUAL(fresh.status, devices > 1 ? LK_OK : LK_ENGINE_FAILED);
    if (fresh.status == LK_OK)
      CHECK_EQUAL(fresh.advance(picture), LK_OK);
    else
      CHECK(std::strstr(fresh.text, "has failed"));
    if (i == 0 && fresh.text[0]) std::printf("%s\n", fresh.text);
  }
  std::printf("%u GPUs, one of which was broken\n", devices);
  lk_engine_destroy(engine);
  return finish("cuda_failure_test");
}
