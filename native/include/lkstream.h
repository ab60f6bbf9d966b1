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
 *   Structs       have the offsets in brackets on every 64-bit machine. They are
 *                 read during the call and may be used again after it; what
 *                 they point to is used for longer where a job is submitted.
 *                 What is said to be unused must be 0.
 *   Buffers       belong to the caller and must not overlap unless it says so.
 *                 "or NULL" marks what may be left out; a list of 0 points may
 *                 be NULL. A blocking call uses them until it returns, a
 *                 submitted job until its completion.
 *   Status        0 is success, else one of lk_status. On failure no output is
 *                 written unless it says so, and a sequence is as before; but
 *                 with LK_ENGINE_FAILED, LK_CANCELLED and LK_DEADLINE results
 *                 of some points may have been written.
 *   Error text    one English sentence, UTF-8: in the completion of a job, else
 *                 written to `error` (at most `error_capacity` bytes with the
 *                 final zero; it may be NULL, then the capacity must be 0).
 *   Threads       every function may be called from any thread at any time,
 *                 also for one handle at once. The library has threads of its
 *                 own, shared by all engines of the process; they begin with
 *                 the first job that needs one. A child of fork() has none of
 *                 them: call nothing there before exec().
 *   Handles       are numbers that look like pointers: never read through them.
 *                 What is destroyed, also twice or while other calls use it, is
 *                 known as such: a call on it is LK_INVALID_ARGUMENT.
 *   Boundary      no exception, no output, no exit, no signal crosses it.
 *   Ranges        options are checked for every job; what lies outside is
 *                 LK_INVALID_ARGUMENT.
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

#define LK_ABI_VERSION 3u

/* LK_ABI_VERSION of the library; any other value than the header's means that
 * the two do not belong together. */
LK_API uint32_t lk_abi_version(void);

/* Bytes of the structs that hold all others, as the library knows them. */
LK_API uint32_t lk_sizeof_job(void);
LK_API uint32_t lk_sizeof_completion(void);

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
  LK_NO_FRAME = 5,        /* corners or windows before the first frame */
  LK_UNAVAILABLE = 6,     /* this engine cannot run here; the text says why */
  LK_ENGINE_FAILED = 7,   /* the device failed, or the sequence is lost */
  LK_CANCELLED = 8,       /* taken back: lk_sequence_cancel, or a destroy */
  LK_DEADLINE = 9         /* not done within the job's deadline_ms */
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
  LK_MAX_APPEARANCE = 31, /* side of a window that is kept, px */
  LK_WINDOW_MARGIN = 3,   /* pixels that it has more of, across and down */
  LK_MAX_PIXELS = 268435456 /* 2^28 */
};

typedef enum lk_format {
  LK_GREY = 0, /* 8 bits a pixel, width, height and stride are given */
  LK_JPEG = 1  /* they are 0: the file says its size */
} lk_format;

/* A picture, or a mask. 32 bytes. */
typedef struct lk_image {
  const uint8_t *data; /* [0]  */
  uint32_t bytes;      /* [8]  at data; grey: stride × (height − 1) + width or more */
  uint32_t format;     /* [12] lk_format */
  uint32_t width;      /* [16] px */
  uint32_t height;     /* [20] px */
  uint32_t stride;     /* [24] bytes from one row to the next, the width or more */
  uint32_t unused;     /* [28] */
} lk_image;

/* lk_flow_options.flags: `errors` are smallest eigenvalues of the window's
 * gradient matrix divided by the window's pixels (OPTFLOW_LK_GET_MIN_EIGENVALS)
 * instead of grey-level differences. */
#define LK_FLOW_GET_MIN_EIGENVALS 1u

/* Options of calcOpticalFlowPyrLK. 28 bytes. */
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

/* Options of goodFeaturesToTrack. 28 bytes. */
typedef struct lk_detect_options {
  uint32_t max_corners;   /* [0]  at most so many; 0: as many as fit */
  float quality_level;    /* [4]  share of the best allowed corner's score that
                                  a corner's must exceed, 1e-30–1; usually 0.01 */
  float min_distance;     /* [8]  between corners, px, 0–100000; under 1: none */
  uint32_t block_size;    /* [12] window that is summed over, px, 1–31; 3 */
  uint32_t gradient_size; /* [16] Sobel aperture: 3, 5 or 7; OpenCV: 3 */
  uint32_t use_harris;    /* [20] 0: smallest eigenvalue; 1: Harris */
  float k;                /* [24] Harris' free parameter, 0–1; OpenCV: 0.04 */
} lk_detect_options;

/* n points to follow, and room for what becomes of them. 56 bytes. */
typedef struct lk_points {
  const float *points;  /* [0]  n points of the frame before. Not finite:
                                LK_OUT_OF_FRAME. */
  const float *guesses; /* [8]  where to start each search, n points of the new
                                frame (OPTFLOW_USE_INITIAL_FLOW); or NULL: at
                                the points themselves */
  float *next_points;   /* [16] receives n points; may be the same list as
                                guesses. A point that was not tracked has the
                                last place that was tried. */
  uint8_t *status;      /* [24] receives n bytes, lk_point_status */
  float *errors;        /* [32] receives n floats: mean |difference| of the two
                                windows at level 0, grey levels, 0–255; 0 for a
                                point that was not tracked. See
                                LK_FLOW_GET_MIN_EIGENVALS for the other use. */
  float *fb_distances;  /* [40] or NULL. Receives n floats: every tracked point
                                is followed back, from its new place less the
                                guessed motion, and this is how far from
                                `points` it ends, px; infinity where the way
                                back is lost, NaN for a point not tracked. */
  uint32_t n;           /* [48] */
  uint32_t unused;      /* [52] */
} lk_points;

/* Room for corners, and points that they keep away from. 32 bytes. */
typedef struct lk_corners {
  const float *avoid;   /* [0]  avoid_count points: no corner nearer to one than
                                min_distance. They do not change the score that
                                quality_level refers to. */
  float *corners;       /* [8]  receives up to capacity points, at whole pixels,
                                strongest first; of equals, the lower, then the
                                righter one first */
  float *scores;        /* [16] or NULL. Receives as many floats, falling: the
                                smallest eigenvalue or Harris' measure, scaled
                                as cornerMinEigenVal and cornerHarris do. */
  uint32_t avoid_count; /* [24] */
  uint32_t capacity;    /* [28] */
} lk_corners;

/* Windows of n points, to be kept and compared later. A window of win_width ×
 * win_height pixels around a point is kept as the whole pixels that it is mixed of,
 * and one more around it for gradients: (win_width + 3) × (win_height + 3) bytes, row
 * by row. 56 bytes. */
typedef struct lk_windows {
  const float *points; /* [0]  n points of the current frame */
  const float *found;  /* [8]  LK_COMPARE: where each was when its window was taken,
                               on the frame of then */
  uint8_t *pixels;     /* [16] n windows, one after the other. LK_TAKE receives them;
                               of one that does not lie inside of the frame, all is
                               0. LK_COMPARE reads them. */
  float *warps;        /* [24] LK_COMPARE: 6 floats a point, a b c d x y: what was at
                               u of the window is at point + (a b; c d) u + (x y) of
                               the current frame. In: where to start, 1 0 0 1 0 0 at
                               first. Out: the best fit. */
  float *residuals;    /* [32] LK_COMPARE receives n floats, 0–1: the root of the
                               share of the window's variance that the best fit leaves
                               over. NaN, and the warp as it was, where they cannot be
                               compared: the window has less contrast than one grey
                               level, or the fit would begin outside of the frame. */
  uint32_t n;          /* [40] */
  uint32_t win_width;  /* [44] px, 3–31 */
  uint32_t win_height; /* [48] px, 3–31 */
  uint32_t unused;     /* [52] */
} lk_windows;

/* What is told of a frame that was taken. 20 bytes. */
typedef struct lk_frame {
  uint32_t width;  /* [0]  px */
  uint32_t height; /* [4]  px */
  uint32_t reset;  /* [8]  1: no point was followed and no list was written, for
                           this is the first frame or its size is new */
  float decode_ms; /* [12] JPEG, or copy, to the grey image of level 0 */
  float track_ms;  /* [16] pyramid, forward and backward search; of LK_TAKE and
                           LK_COMPARE, which tell nothing else, all of it */
} lk_frame;

/* What is told of a detection. 8 bytes. */
typedef struct lk_detected {
  uint32_t count;  /* [0]  corners found: min(max_corners, capacity) at most */
  float detect_ms; /* [4]  */
} lk_detected;

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
 * it is not set: with fewer, sequences wait for each other. It may take seconds,
 * and with a driver that hangs, for ever.
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

/* What an engine has done since it was created, and what is left of it. 40 bytes.
 * Later versions may add to the end. */
typedef struct lk_counters {
  uint64_t jpegs_on_gpu;   /* [0]  decoded by the GPU */
  uint64_t jpegs_on_cpu;   /* [8]  decoded by libjpeg-turbo */
  uint64_t jpegs_refused;  /* [16] of these, tried by the GPU before, in vain */
  uint32_t devices;        /* [24] GPUs; 0 for the CPU engine */
  uint32_t failed_devices; /* [28] of these, given up for the life of the
                                   process, after an error that CUDA does not
                                   recover from or 5 s without an answer: their
                                   sequences are lost. After most such errors
                                   CUDA refuses the other GPUs to this process
                                   too. */
  uint32_t sequences;      /* [32] that hold memory; a destroyed one does until
                                   its work has ended */
  uint32_t unused;         /* [36] */
} lk_counters;

/* Writes the first `bytes` bytes of the counters: sizeof(lk_counters) as the
 * caller knows it. What this library does not have is left as it is. */
LK_API int32_t lk_engine_counters(const lk_engine *engine, lk_counters *counters, uint32_t bytes);

/* ---- Sequence: the frames of one video -------------------------------------- */

/* The current frame and what the next one needs of it. After the first frames
 * of a size, it allocates nothing more (libjpeg takes its working memory for
 * each frame and gives it back). */
typedef struct lk_sequence lk_sequence;

/* Creates a sequence without a frame. It takes its memory, on a GPU, too, with
 * its first job, so this returns at once.
 *   max_pixels  larger frames (width × height) are refused; 1–LK_MAX_PIXELS. */
LK_API int32_t lk_sequence_create(lk_engine *engine, uint32_t max_pixels, lk_sequence **sequence,
                                  char *error, uint32_t error_capacity);

/* Cancels the sequence's jobs, those that wait and the one at work: they
 * complete with LK_CANCELLED. Jobs submitted from now on are not concerned.
 *   cpu   the job at work ends, and completes, within about 10 ms: it is looked
 *         at every few points, rows and scanlines. The sequence is as before.
 *   cuda  the job completes at once. Where work of it was on the GPU already,
 *         the sequence is lost: all that is submitted from now on fails with
 *         LK_ENGINE_FAILED; destroy it. */
LK_API void lk_sequence_cancel(lk_sequence *sequence);

/* Releases a sequence; NULL is allowed. Its jobs are cancelled as by
 * lk_sequence_cancel, and complete at their queues; its memory is freed by a
 * thread of the library when the last one has ended. Returns at once. With
 * glibc, what the process has freed and its allocator keeps is then given back
 * to the system, at most every ten seconds. */
LK_API void lk_sequence_destroy(lk_sequence *sequence);

/* ---- Jobs ------------------------------------------------------------------ */

typedef enum lk_kind {
  /* Takes the next frame, `image`, a JPEG or a grey image: decodes its luma or
   * copies it, makes it the current frame, builds its pyramid, and follows
   * `points` of the frame before into it, as `flow` says. The completion has
   * `frame`.
   * With LK_BAD_FRAME, LK_FRAME_TOO_LARGE and, on the CPU, LK_CANCELLED and
   * LK_DEADLINE the current frame stays, so that the next good frame is
   * followed from the last good one. Every file stands alone: the standard
   * Huffman tables (ITU-T T.81, K.3) apply where it has none, and one without
   * quantization tables is a bad frame. Damage that costs pixels (truncated or
   * undecodable data, lost restart markers, where libjpeg would go on with grey
   * filler, a lost scan) makes a bad frame. Stray bytes between segments do not,
   * nor before a restart marker, nor does a missing end marker where all data has
   * come (of arithmetic coding, which does not tell, it does); what follows the
   * last pixel is not looked at. On a GPU, its own cores decode baseline files, to
   * the pixels that libjpeg makes of them; all else, and all that does not come out
   * even there, is libjpeg's.
   * Cost: one pyramid, and the windows of the points; see docs/performance.md. */
  LK_ADVANCE = 0,
  /* Finds `corners` of the current frame, as `detect` says. `image` is a mask of
   * the frame's size: corners only where it is not 0, and quality_level refers
   * to the best of these; or all of it is 0: everywhere. The completion has
   * `detected`. */
  LK_DETECT = 1,
  /* Forgets the current frame: the next one is a first frame. */
  LK_RESET = 2,
  /* Hands out `windows` of the current frame. */
  LK_TAKE = 3,
  /* Compares `windows` that were taken earlier, of whichever sequence, with the current
   * frame around the points as they are now: under an affine motion (Shi and Tomasi
   * 1994) and a gain and offset of grey (Jin, Favaro and Soatto 2001), fitted together
   * by the inverse compositional method (Baker and Matthews 2004), in double precision.
   * At most 10 places are looked at a point. */
  LK_COMPARE = 4
} lk_kind;

/* What a sequence is to do. 248 bytes. Only what its kind names is looked at. */
typedef struct lk_job {
  uint32_t kind;            /* [0]   lk_kind */
  uint32_t tag;             /* [4]   comes back with the completion */
  uint32_t deadline_ms;     /* [8]   from now on; 0: none. See lk_queue_submit. */
  uint32_t unused;          /* [12]  */
  lk_image image;           /* [16]  */
  lk_points points;         /* [48]  */
  lk_corners corners;       /* [104] */
  lk_flow_options flow;     /* [136] */
  lk_detect_options detect; /* [164] */
  lk_windows windows;       /* [192] */
} lk_job;

/* What became of a job. 256 bytes. */
typedef struct lk_completion {
  uint32_t tag;         /* [0]  the job's */
  int32_t status;       /* [4]  lk_status */
  lk_frame frame;       /* [8]  of LK_ADVANCE, LK_TAKE and LK_COMPARE, with LK_OK */
  lk_detected detected; /* [28] of LK_DETECT, with LK_OK */
  char error[220];      /* [36] the sentence; only written where status is not LK_OK */
} lk_completion;

/* Does a job on a sequence, after those that wait there already, and returns
 * when it has completed: the blocking way. On the CPU the calling thread does
 * the work where nothing is before it.
 *   data        where job->image has its data, or NULL: at job->image.data. For
 *               callers to whom an address inside a struct is dear.
 *   completion  receives what became of it; its status is also the result. */
LK_API int32_t lk_sequence_run(lk_sequence *sequence, const lk_job *job, const uint8_t *data,
                               lk_completion *completion);

/* ---- Queue: jobs are submitted, and their completions collected --------------- */

/* One for each event loop; a queue takes jobs of any sequences and engines. */
typedef struct lk_queue lk_queue;

LK_API int32_t lk_queue_create(lk_queue **queue, char *error, uint32_t error_capacity);

/* Submits a job to a sequence and returns at once, always: in well under a
 * microsecond, and a few more where a thread is to be woken. A grey frame in
 * memory that CUDA has pinned, like the one before it, takes 10 to 15: the
 * calling thread itself hands it to the GPU.
 *
 * A sequence does its jobs one after the other, in the order in which they came.
 * Sequences take turns. On the CPU as many jobs are at work at once as there are
 * cores, whatever the number of engines; one that takes longer than a few
 * milliseconds lets others go on meanwhile, so that no heavy one holds a light
 * one.
 *
 * What the job points to is used until its completion: leave it as it is. A
 * deadline is a time from now on, waiting included, after which the job is
 * cancelled as by lk_sequence_cancel, and completes with LK_DEADLINE. It is kept
 * to about 20 ms, by the time for which the process runs: what it spends stopped
 * or asleep does not count.
 *
 *   data     as in lk_sequence_run.
 *   LK_OK    one completion will come, also of a job that is wrong: its status
 *            says so. LK_INVALID_ARGUMENT: none will, for there is no queue or
 *            no job. LK_OUT_OF_MEMORY: none will either. */
LK_API int32_t lk_queue_submit(lk_queue *queue, lk_sequence *sequence, const lk_job *job,
                               const uint8_t *data);

/* Waits until a job has completed, and writes the completions that are there, at
 * most `capacity`, in the order in which they came. Returns their number; 0 when
 * the queue is destroyed, or was, or with a capacity of 0. To be called from a
 * thread that may block; by one at a time, or each gets a part. Where the
 * submitting thread has handed frames to a GPU itself, it waits awake for the first
 * 0.1 ms. */
LK_API uint32_t lk_queue_wait(lk_queue *queue, lk_completion *completions, uint32_t capacity);

/* The same without waiting: 0 also where nothing has completed. */
LK_API uint32_t lk_queue_poll(lk_queue *queue, lk_completion *completions, uint32_t capacity);

/* Releases a queue; NULL is allowed. Wakes lk_queue_wait. Jobs submitted through
 * it are cancelled, and nobody hears of them. Returns when nothing that they
 * point to is used any more: on the CPU within about 10 ms. */
LK_API void lk_queue_destroy(lk_queue *queue);

/* ---- Without a sequence: blocking -------------------------------------------- */

/* These cannot be cancelled and have no deadline. Who needs that does the same with
 * jobs on a sequence. */

/* goodFeaturesToTrack on one grey image.
 *   mask      or NULL: everywhere.
 *   detected  receives the number of corners. */
LK_API int32_t lk_good_features_to_track(lk_engine *engine, const lk_image *image,
                                         const lk_detect_options *options, const lk_image *mask,
                                         const lk_corners *corners, lk_detected *detected,
                                         char *error, uint32_t error_capacity);

/* calcOpticalFlowPyrLK between two grey images of one size: both pyramids are
 * built, points of prev are followed into next. */
LK_API int32_t lk_optical_flow_pyr_lk(lk_engine *engine, const lk_image *prev,
                                      const lk_image *next, const lk_flow_options *options,
                                      const lk_points *points, char *error,
                                      uint32_t error_capacity);

/* Size of a JPEG, from its header alone. */
LK_API int32_t lk_jpeg_info(const uint8_t *jpeg, uint32_t jpeg_bytes, uint32_t *width,
                            uint32_t *height, char *error, uint32_t error_capacity);

/* Decodes a JPEG's luma into the caller's image; call lk_jpeg_info for its size.
 *   capacity  bytes at pixels: at least stride × (height − 1) + width.
 * What is refused, and why, is as with LK_ADVANCE; of a bad frame,
 * rows may have been written. */
LK_API int32_t lk_decode_grey(const uint8_t *jpeg, uint32_t jpeg_bytes, uint32_t max_pixels,
                              uint8_t *pixels, uint32_t stride, uint32_t capacity, uint32_t *width,
                              uint32_t *height, char *error, uint32_t error_capacity);

#ifdef __cplusplus
}
#endif

#endif
