// After the first frames, a sequence allocates nothing; what libjpeg takes for a frame,
// it gives back.
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "calls.h"
#include "check.h"
#include "lkstream.h"
#include "pictures.h"

namespace {
std::atomic<int> g_allocations{0};
}

void* operator new(size_t bytes) {
  ++g_allocations;
  if (void* p = std::malloc(bytes)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  ++g_allocations;
  const size_t unit = size_t(alignment);
  if (void* p = std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }

// Bytes that malloc() has given and not got back.
size_t in_use() {
#ifdef __GLIBC__
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
#else
  return 0;
#endif
}

int main() {
  const lk_flow_options flow{21, 21, 3, 30, 0.01f, 1e-4f, 0};
  const lk_detect_options detect{200, 0.01f, 8, 3, 3, 0, 0.04f};
  lk_engine* engine = nullptr;
  lk_sequence* sequence = nullptr;
  if (lk_engine_create("cpu", nullptr, &engine, nullptr, 0) ||
      lk_sequence_create(engine, 1 << 20, &sequence, nullptr, 0))
    return 1;
  const std::vector<uint8_t> jpegs[] = {jpeg_of(waves(320, 240), Jpeg::kColour),
                                        jpeg_of(waves(320, 240, 2, 1), Jpeg::kColour)};
  std::vector<float> points(400), next(400), errors(200), back(200);
  std::vector<uint8_t> status(200);
  uint32_t n = 0;
  size_t before = 0;
  lk_frame frame;
  CHECK(g_allocations > 0);
  for (int i = 0; i < 12; ++i) {
    if (i == 4) g_allocations = 0, before = in_use();
    const auto& jpeg = jpegs[i % 2];
    CHECK_EQUAL(advance_jpeg(sequence, jpeg.data(), uint32_t(jpeg.size()), &flow,
                                         points.data(), n, nullptr, next.data(), status.data(),
                                         errors.data(), back.data(), &frame),
                LK_OK);
    CHECK_EQUAL(detect_corners(sequence, &detect, next.data(), n / 2, nullptr, 0, 0, 0,
                                   points.data(), nullptr, 200, &n, nullptr),
                LK_OK);
  }
  CHECK_EQUAL(g_allocations.load(), 0);
  CHECK_EQUAL(in_use(), before);
  lk_sequence_destroy(sequence);
  lk_engine_destroy(engine);
  return finish("test_allocation");
}
