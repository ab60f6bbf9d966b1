#include "jpeg.h"

#include <csetjmp>
#include <cstdio>
// libjpeg's headers need FILE first.
#include <jpeglib.h>
#include <jerror.h>

#include <new>
#include <utility>

#include "error.h"
#include "lkstream.h"

namespace lk {
namespace {

// A progressive file may repeat its scans thousands of times to keep a decoder
// busy; cameras and encoders write about ten.
constexpr int kMaxScans = 100;

}  // namespace

// libjpeg reports errors by a callback that must not return. It is C, so no
// exception may pass through it: it jumps back, and only then is one thrown.
struct JpegDecoder::State {
  jpeg_decompress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  jmp_buf failed;
  Turn* turn = nullptr;  // while decoding
  char text[JMSG_LENGTH_MAX];

  // Runs a few libjpeg calls; false if one of them failed. The body must own
  // nothing that needs destruction.
  template <class Body>
  bool run(const Body& body) {
    if (setjmp(failed)) return false;
    body();
    return true;
  }

  [[noreturn]] void refuse() {
    jpeg_abort_decompress(&jpeg);
    if (turn) std::exchange(turn, nullptr)->look();
    if (jpeg.err->msg_code == JERR_OUT_OF_MEMORY) throw std::bad_alloc();
    fail(LK_BAD_FRAME, "Cannot decode the JPEG: %s.", text);
  }

  static void on_error(j_common_ptr info) {
    auto* state = static_cast<State*>(info->client_data);
    info->err->format_message(info, state->text);
    longjmp(state->failed, 1);
  }

  // libjpeg goes on after damage with grey or repeated pixels. A tracker must
  // not follow those, so whatever costs pixels ends the frame.
  static void on_message(j_common_ptr info, int level) {
    if (level >= 0) return;
    switch (info->err->msg_code) {
      case JWRN_EXTRANEOUS_DATA:  // stray bytes between segments, skipped
      case JWRN_ADOBE_XFORM:
      case JWRN_JFIF_MAJOR:
        return;
      default:
        on_error(info);
    }
  }

  // Called every few rows, in each scan.
  static void on_progress(j_common_ptr info) {
    auto* state = static_cast<State*>(info->client_data);
    if (state->turn && !state->turn->go_on()) longjmp(state->failed, 1);
    if (state->jpeg.input_scan_number <= kMaxScans) return;
    std::snprintf(state->text, sizeof state->text, "It has more than %d scans", kMaxScans);
    longjmp(state->failed, 1);
  }
};

JpegDecoder::JpegDecoder() : state_(new State) {
  State& s = *state_;
  s.jpeg.err = jpeg_std_error(&s.errors);
  s.jpeg.client_data = &s;
  s.errors.error_exit = State::on_error;
  s.errors.emit_message = State::on_message;
  s.progress.progress_monitor = State::on_progress;
  if (!s.run([&] { jpeg_create_decompress(&s.jpeg); })) throw std::bad_alloc();
  s.jpeg.progress = &s.progress;
}

JpegDecoder::~JpegDecoder() { jpeg_destroy_decompress(&state_->jpeg); }

JpegDecoder::Size JpegDecoder::open(const uint8_t* bytes, size_t count, uint32_t max_pixels) {
  State& s = *state_;
  jpeg_abort_decompress(&s.jpeg);
  if (!s.run([&] {
        jpeg_mem_src(&s.jpeg, bytes, count);
        jpeg_read_header(&s.jpeg, TRUE);
      }))
    s.refuse();
  const Size size{s.jpeg.image_width, s.jpeg.image_height};
  if (uint64_t(size.width) * size.height > max_pixels)
    fail(LK_FRAME_TOO_LARGE, "Cannot take a frame of %u x %u pixels: at most %u are allowed.",
         size.width, size.height, max_pixels);
  return size;
}

void JpegDecoder::decode(uint8_t* pixels, size_t stride, Turn& turn) {
  State& s = *state_;
  s.turn = &turn;
  if (!s.run([&] {
        s.jpeg.out_color_space = JCS_GRAYSCALE;
        jpeg_start_decompress(&s.jpeg);
        while (s.jpeg.output_scanline < s.jpeg.output_height) {
          JSAMPROW rows[8];
          const JDIMENSION left = s.jpeg.output_height - s.jpeg.output_scanline;
          const JDIMENSION n = left < 8 ? left : 8;
          for (JDIMENSION i = 0; i < n; ++i)
            rows[i] = pixels + (s.jpeg.output_scanline + i) * stride;
          jpeg_read_scanlines(&s.jpeg, rows, n);
        }
        // Not jpeg_finish_decompress: what comes after the last pixel matters to no one.
        jpeg_abort_decompress(&s.jpeg);
      }))
    s.refuse();
  s.turn = nullptr;
}

}  // namespace lk
