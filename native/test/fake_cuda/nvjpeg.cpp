// An nvJPEG for the GPU that is not there, to be named by LKSTREAM_NVJPEG: libjpeg
// decodes at once, and what it decoded lands in its turn in the stream.
#include <cstdio>
#include <jpeglib.h>
#include <setjmp.h>

#include <memory>
#include <vector>

#include "fake_cuda.h"

namespace {

struct Failure {
  jpeg_error_mgr manager;
  jmp_buf back;
};

void fail(j_common_ptr info) { longjmp(reinterpret_cast<Failure*>(info->err)->back, 1); }

// The luma of a file, or nothing.
std::vector<unsigned char> luma_of(const unsigned char* file, size_t bytes, size_t pitch) {
  std::vector<unsigned char> pixels;
  jpeg_decompress_struct info;
  Failure failure;
  info.err = jpeg_std_error(&failure.manager);
  failure.manager.error_exit = fail;
  failure.manager.output_message = [](j_common_ptr) {};
  jpeg_create_decompress(&info);
  if (setjmp(failure.back)) {
    jpeg_destroy_decompress(&info);
    return {};
  }
  jpeg_mem_src(&info, file, bytes);
  jpeg_read_header(&info, TRUE);
  info.out_color_space = JCS_GRAYSCALE;
  jpeg_start_decompress(&info);
  pixels.resize(pitch * info.output_height);
  while (info.output_scanline < info.output_height) {
    unsigned char* row = &pixels[pitch * info.output_scanline];
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return pixels;
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

struct NvImage {
  unsigned char* channel[4];
  size_t pitch[4];
};

EXPORT int nvjpegCreateEx(int, void*, void*, unsigned, void** handle) {
  *handle = new char;
  return 0;
}
EXPORT int nvjpegDestroy(void* handle) {
  delete static_cast<char*>(handle);
  return 0;
}
EXPORT int nvjpegJpegStateCreate(void*, void** state) { return nvjpegCreateEx(0, nullptr, nullptr, 0, state); }
EXPORT int nvjpegJpegStateDestroy(void* state) { return nvjpegDestroy(state); }
EXPORT int nvjpegDecode(void*, void*, const unsigned char* file, size_t bytes, int, NvImage* to,
                        cudaStream_t stream) {
  const size_t pitch = to->pitch[0];
  auto pixels = luma_of(file, bytes, pitch);
  if (pixels.empty()) return 1;
  fake_cuda::enqueue(stream, [pixels = std::move(pixels), d_pixels = to->channel[0]] {
    std::copy(pixels.begin(), pixels.end(), d_pixels);
  });
  return 0;
}
