/*
 * lkstream: sparse optical flow for live video, behind one C interface.
 *
 * Corners are found (Shi–Tomasi 1994, Harris–Stephens 1988) and followed from
 * frame to frame (Lucas–Kanade 1981, on pyramids after Bouguet 2000). What the
 * functions compute is what OpenCV's goodFeaturesToTrack and
 * calcOpticalFlowPyrLK compute on 8-bit grey images; names and defaults follow
 * OpenCV too. How they compute it, and how near the results are, is told in
 * docs/performance.md.
 *
 * Conventions, for every function:
 *   Coordinates   in pixels, x right, y down; (0, 0) is the centre of the
 *                 top-left pixel. A list of n points is 2n floats: x0 y0 x1 y1 …
 *   Grey images   8 bits a pixel; `stride` is the bytes from one row to the
 *                 next, at least the width.
 *   Buffers       belong to the caller, are only used during the call, and must
 *                 not overlap unless it says so. "or NULL" marks what may be
 *                 left out; a list of 0 points may be NULL.
 *   Status        0 is success, else one of lk_status. On failure no output is
 *                 written unless it says so, and a sequence is as before; but
 *                 with LK_ENGINE_FAILED results of some points may have been.
 *   Error text    one English sentence, UTF-8, for the last failed call: from
 *                 lk_last_error() for a sequence, else written to
 *                 `error` (at most `error_capacity` bytes with the final zero;
 *                 it may be NULL, then the capacity must be 0).
 *   Threads       an engine may be used by any number of threads at once.
 *                 Calls on one sequence may come from different threads, but
 *                 never two at a time. Nothing is kept outside of handles;
 *                 what a GPU can do once for all is shared by the engines that
 *                 use it.
 *   Boundary      no exception, no output, no exit, no signal crosses it.
 *   Ranges        lk_flow_options and lk_detect_options are checked on every
 *                 call; what lies outside is LK_INVALID_ARGUMENT.
 */
#ifndef LKSTREAM_H
#define LKSTREAM_H

#include <stdint.h>

#if defined(_WIN32)
#define LK_API __declspec(dllexport)
#elif defined(__GNUC__)
#define LK_API __attribute__((visibility("default")))
#else
#define LK_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version: check these first ------------------------------------------ */

#define LK_ABI_VERSION 1u

/* LK_ABI_VERSION of the library; any other value than the header's means that
 * the two do not belong together. */
LK_API uint32_t lk_abi_version(void);

/* Bytes of each struct below, as the library knows them. */
LK_API uint32_t lk_sizeof_flow_options(void);
LK_API uint32_t lk_sizeof_detect_options(void);
LK_API uint32_t lk_sizeof_frame(void);

/* ---- Values --------------------------------------------------------------- */

typedef enum lk_status {
  LK_OK = 0,
  LK_INVALID_ARGUMENT = 1, /* a null, a wrong size, an option out of range */
  LK_OUT_OF_MEMORY = 2,
  LK_BAD_FRAME = 3,       /* not a JPEG, damaged, truncated, or of a kind that
                             is not decoded: CMYK, lossless, hierarchical, not
                             8 bits a sample; the text names it */
  LK_FRAME_TOO_LARGE = 4, /* more pixels than the limit; found in the header,
                             before any memory is taken for it */
  LK_NO_FRAME = 5,        /* detection before the first frame */
  LK_UNAVAILABLE = 6,     /* this engine cannot run here; the text says why */
  LK_ENGINE_FAILED = 7    /* the device failed; its sequences are lost */
} lk_status;

/* What became of a point; one byte each. */
typedef enum lk_point_status {
  LK_TRACKED = 0,
  LK_FLAT = 1,        /* too little texture: smallest eigenvalue of the window's
                         gradient matrix under min_eig_threshold, level 0 */
  LK_OUT_OF_FRAME = 2 /* the window left the image by its own size, level 0 */
} lk_point_status;

enum {
  LK_MIN_WINDOW = 3,
  LK_MAX_WINDOW = 63,
  LK_MAX_LEVEL = 8,
  LK_MAX_COUNT = 100,
  LK_MAX_BLOCK_SIZE = 31,
  LK_MAX_PIXELS = 268435456 /* 2^28 */
};

/* lk_flow_options.flags: `errors` are smallest eigenvalues of the window's
 * gradient matrix divided by the window's pixels (OPTFLOW_LK_GET_MIN_EIGENVALS)
 * instead of grey-level differences. */
#define LK_FLOW_GET_MIN_EIGENVALS 1u

/* Options of calcOpticalFlowPyrLK. 28 bytes, offsets in brackets. */
typedef struct lk_flow_options {
  uint32_t win_width;      /* [0]  window, px, 3–63; OpenCV: 21 */
  uint32_t win_height;     /* [4]  window, px, 3–63; OpenCV: 21 */
  uint32_t max_level;      /* [8]  coarsest pyramid level, 0–8; OpenCV: 3. Levels
                                   not larger than the window are not used. */
  uint32_t max_count;      /* [12] iterations a level, 1–100; OpenCV: 30 */
  float epsilon;           /* [16] stop at steps this short, px, 0–10; 0.01 */
  float min_eig_threshold; /* [20] 0–1; OpenCV: 0.0001 */
  uint32_t flags;          /* [24] 0 or LK_FLOW_GET_MIN_EIGENVALS */
} lk_flow_options;

/* Options of goodFeaturesToTrack. 28 bytes, offsets in brackets. */
typedef struct lk_detect_options {
  uint32_t max_corners;   /* [0]  at most so many; 0: as many as fit */
  float quality_level;    /* [4]  share of the best allowed corner's score,
                                  above 0, at most 1; usually 0.01 */
  float min_distance;     /* [8]  between corners, px, 0–100000; under 1: none */
  uint32_t block_size;    /* [12] window that is summed over, px, 1–31; 3 */
  uint32_t gradient_size; /* [16] Sobel aperture: 3, 5 or 7; OpenCV: 3 */
  uint32_t use_harris;    /* [20] 0: smallest eigenvalue; 1: Harris */
  float k;                /* [24] Harris' free parameter, 0–1; OpenCV: 0.04 */
} lk_detect_options;

/* What an advance tells about its frame. 20 bytes, offsets in brackets. */
typedef struct lk_frame {
  uint32_t width;  /* [0]  px */
  uint32_t height; /* [4]  px */
  uint32_t reset;  /* [8]  1: no point was followed and no list was written, for
                           this is the first frame or its size is new */
  float decode_ms; /* [12] JPEG, or copy, to the grey image of level 0 */
  float track_ms;  /* [16] pyramid, forward and backward search */
} lk_frame;

/* ---- Engine ---------------------------------------------------------------- */

/* A way to compute: the CPU or a GPU. It holds no frame. */
typedef struct lk_engine lk_engine;

/* Creates an engine.
 *   kind     "cpu" or "cuda".
 *   variant  NULL or "": the best there is. Else exactly this one:
 *            cpu: "avx512" (with VNNI), "avx2" or "sse2" on x86-64, "neon" on
 *            64-bit ARM, "portable" (no instruction of any one architecture
 *            asked for) elsewhere and on x86-64. All give bit-equal results.
 *            cuda: a device number, as "0".
 *   engine   receives the handle; NULL on failure.
 * The first "cuda" sets CUDA_DEVICE_MAX_CONNECTIONS to 32 in the environment, if
 * it is not set: with fewer, sequences wait for each other.
 * Fails with LK_UNAVAILABLE where the kind or the variant cannot run. */
LK_API int32_t lk_engine_create(const char *kind, const char *variant, lk_engine **engine,
                                char *error, uint32_t error_capacity);

/* Releases an engine; NULL is allowed. Sequences made on it live on. */
LK_API void lk_engine_destroy(lk_engine *engine);

/* "cpu" or "cuda"; the device, as "Intel(R) Xeon(R) Processor"; the variant
 * that runs, as "avx512". The texts live as long as the engine; "" for NULL. */
LK_API const char *lk_engine_name(const lk_engine *engine);
LK_API const char *lk_engine_device(const lk_engine *engine);
LK_API const char *lk_engine_variant(const lk_engine *engine);

/* What an engine has done since it was created, and what is left of it. 32 bytes,
 * offsets in brackets. Later versions may add to the end. */
typedef struct lk_counters {
  uint64_t jpegs_on_gpu;   /* [0]  decoded by nvJPEG */
  uint64_t jpegs_on_cpu;   /* [8]  decoded by libjpeg-turbo */
  uint64_t jpegs_refused;  /* [16] of these, tried by nvJPEG before, in vain */
  uint32_t devices;        /* [24] GPUs; 0 for the CPU engine */
  uint32_t failed_devices; /* [28] of these, given up after an error that CUDA
                                   does not recover from: their sequences are
                                   lost. After most such errors CUDA refuses
                                   the other GPUs to this process too. */
} lk_counters;

/* Writes the first `bytes` bytes of the counters: sizeof(lk_counters) as the
 * caller knows it. What this library does not have is left as it is. */
LK_API int32_t lk_engine_counters(const lk_engine *engine, lk_counters *counters, uint32_t bytes);

/* ---- Sequence: the frames of one video -------------------------------------- */

/* The current frame and what the next one needs of it. After the first frames
 * of a size, it allocates nothing more (libjpeg takes its working memory for
 * each frame and gives it back). */
typedef struct lk_sequence lk_sequence;

/* Creates a sequence without a frame.
 *   max_pixels  larger frames (width × height) are refused; 1–LK_MAX_PIXELS. */
LK_API int32_t lk_sequence_create(lk_engine *engine, uint32_t max_pixels, lk_sequence **sequence,
                                  char *error, uint32_t error_capacity);

/* Releases a sequence; NULL is allowed. With glibc, what the process has freed
 * and its allocator keeps is then given back to the system, at most every ten
 * seconds. */
LK_API void lk_sequence_destroy(lk_sequence *sequence);

/* Forgets the current frame: the next one is a first frame. NULL is allowed. */
LK_API void lk_sequence_reset(lk_sequence *sequence);

/* The text of the last failed call on this sequence; it lives until the next
 * call. Never NULL; "" if none failed. */
LK_API const char *lk_last_error(const lk_sequence *sequence);

/* Takes the next frame, a JPEG: decodes its luma, makes it the current frame,
 * builds its pyramid, and follows points of the frame before into it.
 *   points        n points of the frame before. Not finite: LK_OUT_OF_FRAME.
 *   guesses       where to start each search, n points of the new frame
 *                 (OPTFLOW_USE_INITIAL_FLOW); or NULL: at the points themselves.
 *   next_points   receives n points; may be the same list as guesses. A point
 *                 that was not tracked has the last place that was tried.
 *   status        receives n bytes, lk_point_status.
 *   errors        receives n floats: mean |difference| of the two windows at
 *                 level 0, grey levels, 0–255; 0 for a point that was not
 *                 tracked. See LK_FLOW_GET_MIN_EIGENVALS for the other use.
 *   fb_distances  or NULL. Receives n floats: every tracked point is followed
 *                 back, from its new place less the guessed motion, and this
 *                 is how far from `points` it ends, px; infinity where the way
 *                 back is lost, NaN for a point that was not tracked.
 *   frame         receives what is known about the frame.
 * With LK_BAD_FRAME and LK_FRAME_TOO_LARGE the current frame stays, so that
 * the next good frame is followed from the last good one. Every file stands
 * alone: the standard Huffman tables (ITU-T T.81, K.3) apply where it has none,
 * and one without quantization tables is a bad frame. Damage that costs pixels
 * (truncated or undecodable data, lost restart markers, where libjpeg would go
 * on with grey filler, a lost scan) makes a bad frame. Stray bytes between
 * segments do not, nor before a restart marker, nor does a missing end marker
 * where all data has come (of arithmetic coding, which does not tell, it does);
 * what follows the last pixel is not looked at. One exception: on a GPU, nvJPEG decodes what it can, and
 * does not tell of damage inside a scan; LKSTREAM_NVJPEG=off in the environment
 * leaves all decoding to libjpeg.
 * Cost: one pyramid, and the windows of the points; see docs/performance.md. */
LK_API int32_t lk_sequence_advance_jpeg(lk_sequence *sequence, const uint8_t *jpeg,
                                        uint32_t jpeg_bytes, const lk_flow_options *options,
                                        const float *points, uint32_t n, const float *guesses,
                                        float *next_points, uint8_t *status, float *errors,
                                        float *fb_distances, lk_frame *frame);

/* The same for a grey image, which is copied. */
LK_API int32_t lk_sequence_advance_grey(lk_sequence *sequence, const uint8_t *pixels,
                                        uint32_t width, uint32_t height, uint32_t stride,
                                        const lk_flow_options *options, const float *points,
                                        uint32_t n, const float *guesses, float *next_points,
                                        uint8_t *status, float *errors, float *fb_distances,
                                        lk_frame *frame);

/* Finds corners of the current frame, strongest first; of equals, the lower,
 * then the righter one first.
 *   avoid         avoid_count points: no corner nearer to one than min_distance.
 *                 They do not change the score that quality_level refers to.
 *   mask          mask_width × mask_height bytes, the frame's size: corners only
 *                 where it is not 0, and quality_level refers to the best of
 *                 these; or NULL with all three numbers 0: everywhere.
 *   corners       receives up to capacity points, at whole pixels.
 *   scores        or NULL. Receives as many floats, falling: the smallest
 *                 eigenvalue or Harris' measure, scaled as cornerMinEigenVal
 *                 and cornerHarris scale them.
 *   count         receives how many were found: min(max_corners, capacity) at
 *                 most; 0 may be written on failure.
 *   detect_ms     or NULL. Receives the time taken. */
LK_API int32_t lk_sequence_detect(lk_sequence *sequence, const lk_detect_options *options,
                                  const float *avoid, uint32_t avoid_count, const uint8_t *mask,
                                  uint32_t mask_width, uint32_t mask_height, uint32_t mask_stride,
                                  float *corners, float *scores, uint32_t capacity,
                                  uint32_t *count, float *detect_ms);

/* ---- Without a sequence ------------------------------------------------------- */

/* goodFeaturesToTrack on one image: as lk_sequence_detect, nothing to avoid. */
LK_API int32_t lk_good_features_to_track(lk_engine *engine, const uint8_t *pixels, uint32_t width,
                                         uint32_t height, uint32_t stride,
                                         const lk_detect_options *options, const uint8_t *mask,
                                         uint32_t mask_width, uint32_t mask_height,
                                         uint32_t mask_stride, float *corners, float *scores,
                                         uint32_t capacity, uint32_t *count, char *error,
                                         uint32_t error_capacity);

/* calcOpticalFlowPyrLK between two images of one size: both pyramids are built,
 * n points of prev are followed into next. Lists as in
 * lk_sequence_advance_jpeg. */
LK_API int32_t lk_optical_flow_pyr_lk(lk_engine *engine, const uint8_t *prev, uint32_t prev_stride,
                                      const uint8_t *next, uint32_t next_stride, uint32_t width,
                                      uint32_t height, const lk_flow_options *options,
                                      const float *points, uint32_t n, const float *guesses,
                                      float *next_points, uint8_t *status, float *errors,
                                      float *fb_distances, char *error, uint32_t error_capacity);

/* Size of a JPEG, from its header alone. */
LK_API int32_t lk_jpeg_info(const uint8_t *jpeg, uint32_t jpeg_bytes, uint32_t *width,
                            uint32_t *height, char *error, uint32_t error_capacity);

/* Decodes a JPEG's luma into the caller's image; call lk_jpeg_info for its size.
 *   capacity  bytes at pixels: at least stride × (height − 1) + width.
 * What is refused, and why, is as in lk_sequence_advance_jpeg; of a bad frame,
 * rows may have been written. */
LK_API int32_t lk_decode_grey(const uint8_t *jpeg, uint32_t jpeg_bytes, uint32_t max_pixels,
                              uint8_t *pixels, uint32_t stride, uint32_t capacity, uint32_t *width,
                              uint32_t *height, char *error, uint32_t error_capacity);

#ifdef __cplusplus
}
#endif

#endif
