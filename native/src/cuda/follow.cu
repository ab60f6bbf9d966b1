// Pyramidal Lucas–Kanade: one warp follows one point through all levels and
// back, in one launch for all points.
//
// The arithmetic is the CPU engine's (cpu/follow.h), and so are the results, bit
// by bit: sums over windows are integers, whose order does not matter, and what
// is done with them is done in the same order, without contraction (-fmad=false).
// As there, Σ J ∇I is taken for the four whole-pixel shifts around the place
// reached, once for each such cell; steps inside a cell cost no window:
//
//   Σ J ∇I = Σ_k w_k C_k,   C_k = Σ J(shifted by k) ∇I,   k = 00, 01, 10, 11
#include "follow.h"

#include <algorithm>

#include "overlap.cuh"
#include "window.cuh"

namespace lk::cuda {
namespace {

// Most warps of a block, one for each point of its group, which have nothing else to do
// with each other: of large windows, as many as there is shared memory for.
constexpr unsigned kWarps = kMostOfGroup;

// Whether a window with this top left corner is not farther out than its size.
__device__ bool reaches_into(const DeviceImage& image, float x, float y, const FollowTask& task) {
  return x >= -float(task.options.win_width) && x < float(image.width) &&
         y >= -float(task.options.win_height) && y < float(image.height);
}

struct KernelTask : FollowTask {
  Shape shape;
  int unused = 0;  // in place of padding (launches.h)
};
static_assert(sizeof(KernelTask) == sizeof(FollowTask) + sizeof(Shape) + sizeof(int));

// What a warp has for its work.
struct Work {
  Shape shape;
  Strip strip;
  Gradients* gradients;  // the lane's own
};

struct Template {
  float a11, a12, a22;   // Σ gx², Σ gx gy, Σ gy²
  double own;            // Σ I ∇I: its x in some lanes, its y in others

  __device__ float determinant() const { return a11 * a22 - a12 * a12; }
  __device__ float min_eigenvalue(const FollowTask& task) const {
    const float d = a11 - a22;
    return (a22 + a11 - sqrtf(d * d + 4.f * a12 * a12)) /
           float(2 * task.options.win_width * task.options.win_height);
  }
};

template <int Rows>
__device__ Template template_at(const DeviceImage& image, const Place& at, const Work& work) {
  const Moments m =
      take_template<Rows>(image, at, work.shape, work.strip, pixels_at(image, at, -1, work.strip),
                          work.gradients);
  constexpr float kScale = 1.f / (1 << 20);
  return {float(m.xx) * kScale, float(m.xy) * kScale, float(m.yy) * kScale,
          mixed(m.own, at.u, at.v)};
}

// The step to take inside of a cell, along one axis: factors of 1, u, v and uv.
struct StepFactors {
  float one, u, v, uv;

  // p a − q b at the cell's four pixels.
  __device__ StepFactors(float p, const float* a, float q, const float* b) {
    float c[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) c[i] = p * a[i] - q * b[i];
    one = c[0];
    u = c[1] - c[0];
    v = c[2] - c[0];
    uv = (c[3] - c[2]) - u;
  }
  __device__ StepFactors() : one(0), u(0), v(0), uv(0) {}
  __device__ float at(float a, float b) const { return (one + a * u) + b * (v + a * uv); }
};

// Four pixels that a search is between, and the steps to take there.
struct Cell {
  float x, y;
  StepFactors step_x, step_y;
};

template <int Rows>
__device__ Cell cell_at(const Place& at, const Template& t, float inverse,
                        const DeviceImage& image, const Work& work) {
  const Correlation c =
      correlate<Rows>(work.shape, pixels_at(image, at, 0, work.strip), work.gradients);
  // Σ (J − I) ∇I at the four pixels: of one in each lane, then of all.
  const bool high = threadIdx.x & 2, odd = threadIdx.x & 1, y_axis = lane_has_y();
  const int sum = high ? (odd ? c.of(y_axis, 3) : c.of(y_axis, 2))
                       : (odd ? c.of(y_axis, 1) : c.of(y_axis, 0));
  const float b = float(double(sum) - t.own);
  float bx[4], by[4];
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    bx[k] = __shfl_sync(kAll, b, k);
    by[k] = __shfl_sync(kAll, b, k + 4);
  }
  const float m11 = t.a11 * inverse, m12 = t.a12 * inverse, m22 = t.a22 * inverse;
  return {float(at.x), float(at.y), StepFactors(m12, by, m22, bx), StepFactors(m12, bx, m11, by)};
}

// Moves the window at (x, y) to where the template is found; false if it leaves
// the image on the way.
template <int Rows>
__device__ bool search(const Template& t, const DeviceImage& image, const FollowTask& task,
                       const Work& work, float& x, float& y) {
  const float inverse = 1.f / (1 << 15) / t.determinant();
  const float epsilon2 = task.options.epsilon * task.options.epsilon;
  bool new_cell = true;
  Cell cell{};
  float u = 0, v = 0;  // the window is at (cell.x + u, cell.y + v)
  float last_dx = 0, last_dy = 0;
  for (uint32_t i = 0; i < task.options.max_count; ++i) {
    if (new_cell) {
      if (!reaches_into(image, x, y, task)) return false;
      const Place at = place(x, y);
      u = at.u, v = at.v;
      cell = cell_at<Rows>(at, t, inverse, image, work);
    }
    const float dx = cell.step_x.at(u, v), dy = cell.step_y.at(u, v);
    const bool done = dx * dx + dy * dy <= epsilon2;
    // Two steps that cancel: the search swings about the place half way.
    const bool swings =
        !done && i > 0 && fabsf(dx + last_dx) < 0.01f && fabsf(dy + last_dy) < 0.01f;
    const float share = swings ? 0.5f : 1.f;
    u = u + dx * share;
    v = v + dy * share;
    x = cell.x + u;
    y = cell.y + v;
    if (done || swings) break;
    last_dx = dx, last_dy = dy;
    new_cell = !(u >= 0.f && u < 1.f && v >= 0.f && v < 1.f);
  }
  return true;
}

// 2 to the power of i.
__device__ float power_of_two(int i) { return __int_as_float((127 + i) << 23); }

// Asks for a window before it is needed, so that the search does not wait for one
// after the other: a lane asks for a row of it, at both ends, for a row may lie in
// two pieces of 32 bytes.
__device__ void prefetch(const DeviceImage& image, float x, float y, const Shape& shape) {
  const int row = min(max(__float2int_rd(y) - 1 + int(threadIdx.x) % 32, 0), image.height - 1);
  const int left = min(max(__float2int_rd(x) - 1, 0), image.width - 1);
  const int right = min(left + shape.width() + 3, image.width - 1);
  const uint8_t* p = image.d_pixels + row * image.pitch;
  asm volatile("prefetch.global.L1 [%0];" ::"l"(p + left));
  asm volatile("prefetch.global.L1 [%0];" ::"l"(p + right));
}

// A point's windows on all levels.
__device__ void prefetch_levels(const DeviceImage* levels, const KernelTask& task, float x,
                                float y) {
#pragma unroll 1
  for (int l = task.top_level; l >= 0; --l) {
    const float scale = power_of_two(-l);
    prefetch(levels[l], x * scale - float(task.options.win_width - 1) * 0.5f,
             y * scale - float(task.options.win_height - 1) * 0.5f, task.shape);
  }
}

struct Followed {
  float x, y, error;
  uint32_t status;
};

// A point there, or the one that was found back: the same with levels that have
// changed places, and smallest eigenvalues, which are not looked at, as errors.
template <int Rows>
__device__ Followed follow_one(const KernelTask& task, bool back, float x, float y, float guess_x,
                               float guess_y, const Work& work) {
  const lk_flow_options& options = task.options;
  const float half_x = float(options.win_width - 1) * 0.5f;
  const float half_y = float(options.win_height - 1) * 0.5f;
  const bool get_min_eigenvals = back || options.flags & LK_FLOW_GET_MIN_EIGENVALS;
  Followed p{guess_x * power_of_two(-task.top_level), guess_y * power_of_two(-task.top_level), 0.f,
             LK_OUT_OF_FRAME};
#pragma unroll 1
  for (int l = task.top_level; l >= 0; --l) {
    const DeviceImage& prev = back ? task.next[l] : task.prev[l];
    const DeviceImage& next = back ? task.prev[l] : task.next[l];
    const float prev_x = x * power_of_two(-l) - half_x, prev_y = y * power_of_two(-l) - half_y;
    if (l != task.top_level) p.x *= 2.f, p.y *= 2.f;
    const float from_x = p.x - half_x, from_y = p.y - half_y;
    float to_x = from_x, to_y = from_y;
    const Place from = place(prev_x, prev_y);
    p.status = LK_OUT_OF_FRAME;
    const bool has_template = reaches_into(prev, prev_x, prev_y, task);
    Template t{};
    if (has_template) t = template_at<Rows>(prev, from, work);
    if (!back && l == task.top_level) {
      // The first template is taken while `next` is still made.
      wait_for_kernel_before();
      prefetch_levels(task.next, task, guess_x, guess_y);
    }
    if (has_template) {
      const float min_eig = t.min_eigenvalue(task);
      if (l == 0 && get_min_eigenvals) p.error = min_eig;
      if (min_eig < options.min_eig_threshold || t.determinant() < 1.1920929e-07f)
        p.status = LK_FLAT;
      else if (search<Rows>(t, next, task, work, to_x, to_y))
        p.status = LK_TRACKED;
    }
    // What has no template hands down the guess it was given.
    if (to_x != from_x || to_y != from_y) {
      p.x = to_x + half_x;
      p.y = to_y + half_y;
    }
    if (l > 0 || get_min_eigenvals || p.status != LK_TRACKED) continue;
    if (!reaches_into(next, to_x, to_y, task)) {
      p.status = LK_OUT_OF_FRAME;
      continue;
    }
    const Place to = place(to_x, to_y);
    const long long sum = difference<Rows>(work.shape, work.strip,
                                           pixels_at(prev, from, 0, work.strip),
                                           weights(from.u, from.v),
                                           pixels_at(next, to, 0, work.strip), weights(to.u, to.v));
    p.error = float(double(sum) / (16384. * options.win_width * options.win_height));
  }
  return p;
}

__host__ __device__ inline unsigned shared_bytes(const Shape& shape) {  // of a warp
  return unsigned(shape.rows) * 32 * unsigned(sizeof(Gradients));
}

template <int Rows, int Blocks>
__global__ void __launch_bounds__(32 * kWarps, Blocks)
    follow_kernel(const __grid_constant__ KernelTask task) {
  extern __shared__ Gradients shared[];
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
  // One piece over the bus: many small ones wait for one another.
  __shared__ float4 group[1 + kWarps];
  if (threadIdx.x < 1 + kWarps)
    group[threadIdx.x] =
        __ldcv(reinterpret_cast<const float4*>(task.in + blockIdx.x) + threadIdx.x);
  __syncthreads();
  if (unsigned(warp) >= __float_as_uint(group[0].x)) return;
  const uint32_t i = blockIdx.x * (blockDim.x / 32) + unsigned(warp);
  const Work work{task.shape,
                  strip_of_lane(lane, task.shape, int(task.options.win_width),
                                int(task.options.win_height)),
                  shared + warp * task.shape.rows * 32 + lane};

  const float4 in = group[1 + warp];
  prefetch_levels(task.prev, task, in.x, in.y);
  Followed there{}, p{in.x, in.y, 0.f, LK_TRACKED};
  float guess_x = in.z, guess_y = in.w, distance = 0.f;
#pragma unroll 1
  for (int back = 0; back <= int(task.back); ++back) {
    p = follow_one<Rows>(task, back, p.x, p.y, guess_x, guess_y, work);
    if (back) {
      const double dx = p.x - in.x, dy = p.y - in.y;
      distance = p.status == LK_TRACKED ? float(sqrt(dx * dx + dy * dy))
                                        : __int_as_float(0x7f800000);  // infinity
      break;
    }
    there = p;
    if (p.status != LK_TRACKED) {
      distance = task.back ? __int_as_float(0x7fc00000) : 0.f;  // NaN
      break;
    }
    guess_x = p.x - (in.z - in.x), guess_y = p.y - (in.w - in.y);
  }
  // Two lanes write one half each: one piece of 32 bytes on the bus.
  const float stamp = __uint_as_float(stamp_of(__float_as_uint(group[0].y), there.status));
  if (lane < 2)
    reinterpret_cast<float4*>(task.out + i)[lane] =
        lane == 0 ? float4{there.x, there.y, there.error, stamp}
                  : float4{distance, 0.f, 0.f, stamp};
}

unsigned warps_for(const Shape& shape) {
  constexpr unsigned kShared = (48 << 10) - sizeof(float4[1 + kWarps]);
  return std::min(kWarps, kShared / shared_bytes(shape));
}

// With many points, more warps at a time are worth fewer registers to each.
template <int Rows>
void add(const KernelTask& task, bool overlap, Launches& launches) {
  constexpr uint32_t kMany = 2048;
  const unsigned warps = warps_for(task.shape);
  add_kernel(launches, task.groups * warps > kMany ? follow_kernel<Rows, 8> : follow_kernel<Rows, 4>,
             task.groups, 32 * warps, warps * shared_bytes(task.shape), overlap, task);
}

}  // namespace

bool search_waits() {
  cudaFuncAttributes attributes;
  check(cudaFuncGetAttributes(&attributes, follow_kernel<0, 4>), "ask for the search's properties");
  return attributes.ptxVersion >= 90;
}

uint32_t points_of_group(const lk_flow_options& options) {
  return warps_for(shape_of(int(options.win_width), int(options.win_height)));
}

// The usual windows, 21 × 21 and 15 × 15, have their loops unrolled.
void add_follow(const FollowTask& task, bool overlap, Launches& launches) {
  const KernelTask t{task, shape_of(int(task.options.win_width), int(task.options.win_height))};
  switch (t.shape.rows) {
    case 2: add<2>(t, overlap, launches); break;
    case 5: add<5>(t, overlap, launches); break;
    default: add<0>(t, overlap, launches); break;
  }
}

}  // namespace lk::cuda
