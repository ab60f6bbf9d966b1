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

// What a frame header's marker (ITU-T T.81, B.1) says of a kind that is not decoded here.
const char* kind_of(int sof) {
  switch (sof) {
    case 0xc3: return "lossless";
    case 0xcb: return "lossless, with arithmetic coding";
    case 0xc8: return "of a reserved kind";
    default: return sof > 0xc8 ? "hierarchical, with arithmetic coding" : "hierarchical";
  }
}

}  // namespace

// libjpeg reports errors by a callback that must not return. It is C, so no
// exception may pass through it: it jumps back, and only then is one thrown.
struct JpegDecoder::State {
  jpeg_decompress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  jmp_buf failed;
  bool ends_early;  // without an end marker
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

  // A new decoder: libjpeg keeps tables from one file to the next, and would
  // decode a file that lacks its own with those of another one.
  void create() {
    jpeg_destroy_decompress(&jpeg);
    jpeg_create_decompress(&jpeg);
    jpeg.progress = &progress;
  }

  // Refuses what has no grey. libjpeg would call it a conversion that it lacks.
  void check_colours() const {
    switch (jpeg.jpeg_color_space) {
      case JCS_GRAYSCALE:
      case JCS_YCbCr:
      case JCS_RGB: return;
      case JCS_CMYK:
      case JCS_YCCK:
        fail(LK_BAD_FRAME, "Cannot decode the JPEG: it is CMYK, allowed are grey and colour.");
      default:
        fail(LK_BAD_FRAME, "Cannot decode the JPEG: it has %d components, allowed are 1 and 3.",
             jpeg.num_components);
    }
  }

  // False where a scan is missing that pixels need. Where the file ends early, or
  // does not tell what is damaged, all bits of their coefficients must have come;
  // else it may leave out the finer scans of a progressive picture.
  bool is_whole() const {
    for (int i = 0; i < jpeg.num_components; ++i) {
      if (!jpeg.comp_info[i].component_needed) continue;
      if (!jpeg.comp_info[i].quant_table) return false;
      if (!jpeg.progressive_mode || !(ends_early || jpeg.arith_code)) continue;
      for (int k = 0; k < DCTSIZE2; ++k)
        if (jpeg.coef_bits[i][k] != 0) return false;
    }
    return true;
  }

  [[noreturn]] static void on_error(j_common_ptr info) {
    auto* state = static_cast<State*>(info->client_data);
    const int first = info->err->msg_parm.i[0];
    switch (info->err->msg_code) {
      case JERR_SOF_UNSUPPORTED:
        std::snprintf(state->text, sizeof state->text,
                      "it is %s (SOF%d), allowed are baseline and progressive", kind_of(first),
                      first - 0xc0);
        break;
      case JERR_BAD_PRECISION:
        std::snprintf(state->text, sizeof state->text, "it has %d bits a sample, allowed are 8",
                      first);
        break;
      default: info->err->format_message(info, state->text);
    }
    longjmp(state->failed, 1);
  }

  // libjpeg goes on after damage with grey or repeated pixels. A tracker must
  // not follow those, so whatever costs pixels ends the frame.
  static void on_message(j_common_ptr info, int level) {
    if (level >= 0) return;
    auto* state = static_cast<State*>(info->client_data);
    switch (info->err->msg_code) {
      case JWRN_ADOBE_XFORM:
      case JWRN_JFIF_MAJOR:
        return;
      case JWRN_EXTRANEOUS_DATA:  // stray bytes between segments, skipped
        if (!state->is_arithmetic_scan()) return;
        on_error(info);
      case JWRN_JPEG_EOF:  // the scan that lacks data for this says so itself
        if (state->may_end()) {
          state->ends_early = true;
          return;
        }
        [[fallthrough]];
      default:
        on_error(info);
    }
  }

  // Arithmetic coding does not tell a scan that is cut short from a whole one:
  // from its first scan on, nothing may be odd about such a file.
  bool is_arithmetic_scan() const { return jpeg.arith_code && jpeg.input_scan_number > 0; }

  // Whether the file may end here: in a scan or behind one, not in a segment.
  bool may_end() const {
    return jpeg.input_scan_number > 0 && jpeg.unread_marker == 0 && !jpeg.arith_code;
  }

  // Called every few rows, in each scan.
  static void on_progress(j_common_ptr info) {
    auto* state = static_cast<State*>(info->client_data);
    if (state->turn && !state->turn->go_on()) longjmp(state->failed, 1);
    if (state->jpeg.input_scan_number <= kMaxScans) return;
    std::snprintf(state->text, sizeof state->text, "it has more than %d scans", kMaxScans);
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
  s.jpeg.mem = nullptr;  // nothing to destroy yet
  if (!s.run([&] { s.create(); })) throw std::bad_alloc();
}

JpegDecoder::~JpegDecoder() { jpeg_destroy_decompress(&state_->jpeg); }

JpegDecoder::Size JpegDecoder::open(const uint8_t* bytes, size_t count, uint32_t max_pixels) {
  State& s = *state_;
  s.ends_early = false;
  if (!s.run([&] {
        s.create();
        jpeg_mem_src(&s.jpeg, bytes, count);
        jpeg_read_header(&s.jpeg, TRUE);
      }))
    s.refuse();
  s.check_colours();
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
        s.jpeg.do_block_smoothing = FALSE;  // as it stands: each version would smooth otherwise
        jpeg_start_decompress(&s.jpeg);
      }))
    s.refuse();
  if (!s.is_whole()) {
    s.turn = nullptr;
    fail(LK_BAD_FRAME, "Cannot decode the JPEG: it lacks scans, and so pixels.");
  }
  if (!s.run([&] {
        while (s.jpeg.output_scanline < s.jpeg.output_height) {
          JSAMPROW rows[8];
          const JDIMENSION left = s.jpeg.output_height - s.jpeg.output_scanline;
          const JDIMENSION n = left < 8 ? left : 8;
          for (JDIMENSION i = 0; i < n; ++i)
            rows[i] = pixels + (s.jpeg.output_scanline + i) * stride;
          jpeg_read_scanlines(&s.jpeg, rows, n);
        }
        // What comes after the last pixel matters to no one, unless it tells of damage.
        if (s.jpeg.arith_code) jpeg_finish_decompress(&s.jpeg);
        jpeg_abort_decompress(&s.jpeg);
      }))
    s.refuse();
  s.turn = nullptr;
}

}  // namespace lk
