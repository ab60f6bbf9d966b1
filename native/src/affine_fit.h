// How well a window that was kept fits the frame of now, under an affine motion (Shi and
// Tomasi 1994) and a gain and offset of grey (Jin, Favaro and Soatto 2001):
//
//   T(u) ≈ λ J(p + A u + d) + δ     for all places u of the window
//
// λ and δ leave least over where J correlates most with T. A and d are found by the
// inverse compositional method (Baker and Matthews 2004): T is changed a little instead
// of J, so its gradients, and the matrix of them, are needed once:
//
//   T + G q ≈ λ J + δ,   G = (x T_x, y T_x, T_x, x T_y, y T_y, T_y),   u = (x, y)
//
// is linear in q and λ; then (A, d) goes on by the inverse of what q means.
//
// Here is what is done with sums over the window. It is the same on the CPU and the GPU,
// bit by bit: double precision, one order, no contraction. Sums are taken over 32 lanes,
// sample i in lane i mod 32, and the lanes halved: 0 + 16, 1 + 17, …; 0 + 8, …
//
// Included inside a namespace of its own: see cpu/kernels.cpp.

#ifdef __CUDACC__
#define LK_FIT __device__ __forceinline__
#else
#define LK_FIT inline __attribute__((always_inline))
#endif

// Places that are looked at, at most.
constexpr int kMostFits = 10;
// A step that moves no corner of the window farther ends the search, px.
constexpr double kShortStep = 0.01;
// A gradient's column that those before it explain but for this share is left out, as
// along an edge: its motion cannot be seen.
constexpr double kDependent = 1e-4;

// Of a template: all over the window.
struct TemplateSums {
  double t, tt;      // Σ T, Σ T²
  double g[6], gt[6];  // Σ G_k, Σ G_k T
  double gg[21];     // Σ G_k G_l, l ≤ k, row by row
};

// Of the frame of now at a place.
struct FrameSums {
  double j, jj, tj;  // Σ J, Σ J², Σ T J
  double gj[6];      // Σ G_k J
};

struct Warp {
  double a, b, c, d, x, y;

  LK_FIT double at_x(double u, double v) const { return (a * u + b * v) + x; }
  LK_FIT double at_y(double u, double v) const { return (c * u + d * v) + y; }
};

// Four neighbouring pixels, mixed at (u, v) between them.
LK_FIT double mixed_pixels(const unsigned char* p, long stride, double u, double v) {
  const double p00 = p[0], p01 = p[1], p10 = p[stride], p11 = p[stride + 1];
  const double top = p00 + u * (p01 - p00), bottom = p10 + u * (p11 - p10);
  return top + v * (bottom - top);
}

// A window as it is kept, with what its place had over whole pixels.
struct KeptWindow {
  const unsigned char* pixels;
  int stride;
  double u, v;

  // The sample in column x and row y, from −1 to the side.
  LK_FIT double at(int x, int y) const {
    return mixed_pixels(pixels + (y + 1) * stride + x + 1, stride, u, v);
  }
  LK_FIT double gradient_x(int x, int y) const { return 0.5 * (at(x + 1, y) - at(x - 1, y)); }
  LK_FIT double gradient_y(int x, int y) const { return 0.5 * (at(x, y + 1) - at(x, y - 1)); }
};

// Whether the window lies where four pixels can be mixed, though rounding should put a
// sample a little farther out than the corners.
LK_FIT bool lies_inside(const Warp& w, double x, double y, double half_x, double half_y,
                        int width, int height) {
  for (int corner = 0; corner < 4; ++corner) {
    const double u = corner & 1 ? half_x : -half_x, v = corner & 2 ? half_y : -half_y;
    const double px = x + w.at_x(u, v), py = y + w.at_y(u, v);
    if (!(px >= 1 && px <= width - 3 && py >= 1 && py <= height - 3)) return false;
  }
  return true;
}

class AffineFit {
 public:
  // False where the window has too little contrast for a comparison.
  LK_FIT bool start(const TemplateSums& sums, int count) {
    n_ = count;
    sums_ = &sums;
    t_ = sums.tt - sums.t * sums.t / n_;
    if (!(t_ >= n_)) return false;
    // L D Lᵀ of the matrix of G, each column less its mean.
    for (int k = 0; k < 6; ++k)
      for (int l = 0; l <= k; ++l) {
        const double whole = sums.gg[k * (k + 1) / 2 + l] - sums.g[k] * sums.g[l] / n_;
        double left = whole;
        for (int i = 0; i < l; ++i) left = left - low_[k][i] * low_[l][i] * pivot_[i];
        if (l < k) {
          low_[k][l] = left * inverse_[l];
        } else {
          const bool is_seen = left > kDependent * whole;
          pivot_[k] = is_seen ? left : 0;
          inverse_[k] = is_seen ? 1 / left : 0;
        }
      }
    for (int k = 0; k < 6; ++k) own_[k] = sums.gt[k] - sums.g[k] * sums.t / n_;
    solve(own_, own_step_);
    return true;
  }

  // Looks at the frame at a place; then residual() and step() tell of it.
  LK_FIT void look(const FrameSums& at) {
    j_ = at.jj - at.j * at.j / n_;
    tj_ = at.tj - sums_->t * at.j / n_;
    for (int k = 0; k < 6; ++k) gj_[k] = at.gj[k] - sums_->g[k] * at.j / n_;
  }

  // 1 where the frame has no contrast, or the opposite one.
  LK_FIT double residual() const {
    if (!(tj_ > 0 && j_ > 0)) return 1;
    const double over = 1 - tj_ * tj_ / (j_ * t_);
    return over > 0 ? __builtin_sqrt(over) : 0;
  }

  // Goes on to a better place, by a motion linear in T. False where there is none, or the
  // step is too short to matter, or too long to be one.
  LK_FIT bool step(Warp& w, double half_x, double half_y) const {
    double gj_step[6];
    solve(gj_, gj_step);
    double up = tj_, down = j_;
    for (int k = 0; k < 6; ++k) {
      up = up - gj_[k] * own_step_[k];
      down = down - gj_[k] * gj_step[k];
    }
    if (!(down > 0 && up > 0)) return false;
    const double gain = up / down;
    double q[6];
    for (int k = 0; k < 6; ++k) q[k] = gain * gj_step[k] - own_step_[k];
    const double far_x = size(q[0]) * half_x + size(q[1]) * half_y + size(q[2]);
    const double far_y = size(q[3]) * half_x + size(q[4]) * half_y + size(q[5]);
    if (!(far_x > kShortStep || far_y > kShortStep)) return false;
    if (!(far_x < half_x + 1 && far_y < half_y + 1)) return false;
    return go_back(w, q);
  }

 private:
  LK_FIT static double size(double v) { return v < 0 ? -v : v; }

  LK_FIT void solve(const double* of, double* to) const {
    for (int k = 0; k < 6; ++k) {
      double left = of[k];
      for (int i = 0; i < k; ++i) left = left - low_[k][i] * to[i];
      to[k] = left;
    }
    for (int k = 5; k >= 0; --k) {
      double left = to[k] * inverse_[k];
      for (int i = k + 1; i < 6; ++i) left = left - low_[i][k] * to[i];
      to[k] = left;
    }
  }

  // w after the inverse of the motion q.
  LK_FIT static bool go_back(Warp& w, const double* q) {
    const double m00 = 1 + q[0], m01 = q[1], m10 = q[3], m11 = 1 + q[4];
    const double determinant = m00 * m11 - m01 * m10;
    if (!(determinant > 0.1)) return false;
    const double a = (w.a * m11 - w.b * m10) / determinant;
    const double b = (w.b * m00 - w.a * m01) / determinant;
    const double c = (w.c * m11 - w.d * m10) / determinant;
    const double d = (w.d * m00 - w.c * m01) / determinant;
    if (!(a * d - b * c > 1. / 16)) return false;
    w = {a, b, c, d, w.x - (a * q[2] + b * q[5]), w.y - (c * q[2] + d * q[5])};
    return true;
  }

  const TemplateSums* sums_;
  double n_, t_;          // samples; variance of the template, times n
  double low_[6][6], pivot_[6], inverse_[6];
  double own_[6], own_step_[6];
  double j_, tj_, gj_[6];
};

// The search, over whatever sums up the frame at a place: sums_at(warp). Returns the
// residual; NaN where there is none.
template <class SumsAt>
LK_FIT double best_fit(const TemplateSums& sums, int win_width, int win_height, double x,
                       double y, int width, int height, Warp& warp, const SumsAt& sums_at) {
  const double half_x = 0.5 * (win_width - 1), half_y = 0.5 * (win_height - 1);
  double least = __builtin_nan("");
  AffineFit fit;
  if (!fit.start(sums, win_width * win_height)) return least;
  Warp w = warp;
  for (int i = 0; i < kMostFits; ++i) {
    if (!lies_inside(w, x, y, half_x, half_y, width, height)) break;
    fit.look(sums_at(w));
    const double residual = fit.residual();
    if (!(residual >= least)) {
      least = residual;
      warp = w;
    }
    if (!fit.step(w, half_x, half_y)) break;
  }
  return least;
}
