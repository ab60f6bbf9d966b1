// Windows that were kept against the frame of now: the sums of affine_fit.h, 32 samples
// at a time.

constexpr int kLanes = 32;
constexpr int kMostSamples =
    (LK_MAX_APPEARANCE * LK_MAX_APPEARANCE + kLanes - 1) / kLanes * kLanes;

typedef double Eight __attribute__((vector_size(64)));

// What a comparison sums up; what is past the window is 0.
struct alignas(64) Samples {
  double t[kMostSamples], j[kMostSamples];
  double g[6][kMostSamples];
  double one[kMostSamples];
};

// Σ a b in the order that affine_fit.h tells of.
LK_INLINE double sum_of(const double* a, const double* b, int count) {
  Eight lanes[4]{};
  for (int i = 0; i < count; i += kLanes)
    for (int k = 0; k < 4; ++k)
      lanes[k] += load<Eight>(a + i + 8 * k) * load<Eight>(b + i + 8 * k);
  const Eight eight = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
  double four[4], two[2];
  for (int k = 0; k < 4; ++k) four[k] = eight[k] + eight[k + 4];
  for (int k = 0; k < 2; ++k) two[k] = four[k] + four[k + 2];
  return two[0] + two[1];
}

static TemplateSums take_template(const KeptWindow& window, int width, int height,
                                  Samples& s) {
  int i = 0;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x, ++i) {
      const double u = x - 0.5 * (width - 1), v = y - 0.5 * (height - 1);
      const double gx = window.gradient_x(x, y), gy = window.gradient_y(x, y);
      s.t[i] = window.at(x, y);
      s.g[0][i] = gx * u, s.g[1][i] = gx * v, s.g[2][i] = gx;
      s.g[3][i] = gy * u, s.g[4][i] = gy * v, s.g[5][i] = gy;
      s.one[i] = 1;
    }
  TemplateSums sums;
  sums.t = sum_of(s.t, s.one, i);
  sums.tt = sum_of(s.t, s.t, i);
  for (int k = 0; k < 6; ++k) {
    sums.g[k] = sum_of(s.g[k], s.one, i);
    sums.gt[k] = sum_of(s.g[k], s.t, i);
    for (int l = 0; l <= k; ++l) sums.gg[k * (k + 1) / 2 + l] = sum_of(s.g[k], s.g[l], i);
  }
  return sums;
}

static FrameSums take_frame(const Image& image, const ComparePoint& p, const Warp& w, int width,
                            int height, Samples& s) {
  int i = 0;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x, ++i) {
      const double u = x - 0.5 * (width - 1), v = y - 0.5 * (height - 1);
      const double px = p.x + w.at_x(u, v), py = p.y + w.at_y(u, v);
      const int ix = int(px), iy = int(py);  // they are 0 or more
      s.j[i] = mixed_pixels(image.row(iy) + ix, image.stride, px - ix, py - iy);
    }
  FrameSums sums;
  sums.j = sum_of(s.j, s.one, i);
  sums.jj = sum_of(s.j, s.j, i);
  sums.tj = sum_of(s.t, s.j, i);
  for (int k = 0; k < 6; ++k) sums.gj[k] = sum_of(s.g[k], s.j, i);
  return sums;
}

static void compare(const CompareTask& task, ComparePoint* points, size_t count) {
  const int width = task.win_width, height = task.win_height;
  Samples samples{};
  for (ComparePoint* p = points; p != points + count; ++p) {
    const double left = p->found_x - 0.5 * (width - 1), top = p->found_y - 0.5 * (height - 1);
    const KeptWindow window{p->window, width + LK_WINDOW_MARGIN, left - __builtin_floor(left),
                            top - __builtin_floor(top)};
    const TemplateSums sums = take_template(window, width, height, samples);
    const float* from = p->warp;
    Warp warp{from[0], from[1], from[2], from[3], from[4], from[5]};
    const double residual = best_fit(
        sums, width, height, p->x, p->y, task.image->width, task.image->height, warp,
        [&](const Warp& w) {
          return take_frame(*task.image, *p, w, width, height, samples);
        });
    p->residual = float(residual);
    if (residual != residual) continue;
    p->warp[0] = float(warp.a), p->warp[1] = float(warp.b), p->warp[2] = float(warp.c);
    p->warp[3] = float(warp.d), p->warp[4] = float(warp.x), p->warp[5] = float(warp.y);
  }
}
