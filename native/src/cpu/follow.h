// Pyramidal Lucas–Kanade, eight points at a time through all levels.
//
// A step solves A δ = b with b = Σ (I − J) ∇I over the window. J is read at the
// sub-pixel place reached so far, a bilinear mix of four whole-pixel shifts, so
//
//   Σ J ∇I = Σ_k w_k C_k,   C_k = Σ J(shifted by k) ∇I,   k = 00, 01, 10, 11
//
// and the C_k do not change while the search stays between the same four
// pixels: they are summed once, and each further step there costs a handful of
// multiplications, not a window. Σ I ∇I is found the same way.
//
// A single search is a chain of short dependent computations. So eight go in
// step, one a lane; only the windows are taken one by one.

constexpr int kBatch = 8;
typedef float Floats __attribute__((vector_size(4 * kBatch)));
typedef i32 Flags __attribute__((vector_size(4 * kBatch)));  // per lane all bits or none

// Smaller determinants count as 0; FLT_EPSILON.
constexpr float kSingular = 1.1920929e-07f;

// One bit a lane.
LK_INLINE unsigned bits(Flags f) {
#if defined(LK_LEVEL_AVX2) || defined(LK_LEVEL_AVX512)
  return unsigned(_mm256_movemask_ps(__m256(f)));
#else
  unsigned result = 0;
  for (int k = 0; k < kBatch; ++k) result |= unsigned(f[k] & 1) << k;
  return result;
#endif
}

// Calls body(k) for each lane whose bit is set.
template <class Body>
LK_INLINE void for_each(unsigned lanes, const Body& body) {
  for (; lanes; lanes &= lanes - 1) body(__builtin_ctz(lanes));
}

LK_INLINE Floats all_lanes(float v) { return Floats{} + v; }
LK_INLINE Floats magnitude(Floats v) { return v < 0.f ? -v : v; }

LK_INLINE Floats root(Floats v) {
  for (int k = 0; k < kBatch; ++k) v[k] = __builtin_sqrtf(v[k]);
  return v;
}

LK_INLINE Flags floor_of(Floats v) {
  const Flags i = __builtin_convertvector(v, Flags);
  return i + (v < __builtin_convertvector(i, Floats));
}
LK_INLINE Floats to_floats(Flags i) { return __builtin_convertvector(i, Floats); }

// Windows, by their top left corners, that are not farther out than their size.
LK_INLINE Flags reach_into(const Image& image, Floats x, Floats y, const FlowTask& task) {
  return (x >= -float(task.options.win_width)) & (x < float(image.width)) &
         (y >= -float(task.options.win_height)) & (y < float(image.height));
}

// Whole pixels and what is over, for the lanes that are set; 0 in the others.
struct Split {
  Flags ix, iy;
  Floats u, v;

  Split(Flags lanes, Floats x, Floats y) {
    x = lanes ? x : all_lanes(0);
    y = lanes ? y : all_lanes(0);
    ix = floor_of(x), iy = floor_of(y);
    u = x - to_floats(ix), v = y - to_floats(iy);
  }
};

// What a batch needs from level to level; nothing in it outlives a level.
struct alignas(64) Workspace {
  i16 dx[kMaxColumns * kMaxColumns + kSlack], dy[kMaxColumns * kMaxColumns + kSlack];
  i16 gx[kBatch][LK_MAX_WINDOW * kMaxColumns], gy[kBatch][LK_MAX_WINDOW * kMaxColumns];
  Floats a11, a12, a22;    // Σ gx², Σ gx gy, Σ gy² of the templates
  double own[kBatch][2];   // Σ I ∇I
};

// One level of one batch.
template <int L, int N>
struct Level {
  const FlowTask& task;
  const Image &prev_image, &next_image;
  const Columns& columns;
  Workspace& work;
  const int width = int(task.options.win_width), height = int(task.options.win_height);

  // Templates of the lanes: gradients, their sums, Σ I ∇I.
  void take_templates(unsigned lanes, const Split& at) {
    for_each(lanes, [&](int k) {
      const Patch prev(prev_image, at.ix[k], at.iy[k]);
      scharr<L, N>(prev, height + 1, work.dx, work.dy);
      clear_outside(prev_image, at.ix[k], at.iy[k], width + 1, height + 1, L * N, work.dx,
                    work.dy);
      int64_t sums[3] = {};
      template_gradients<L, N>(Mixer<L, N>(Weights(at.u[k], at.v[k]), columns), height, work.dx,
                               work.dy, work.gx[k], work.gy[k], sums);
      constexpr float kScale = 1.f / (1 << 20);
      work.a11[k] = float(sums[0]) * kScale;
      work.a12[k] = float(sums[1]) * kScale;
      work.a22[k] = float(sums[2]) * kScale;
      const Correlation c = correlate<L, N>(prev, height, work.gx[k], work.gy[k]);
      work.own[k][0] = mixed(c.x, at.u[k], at.v[k]);
      work.own[k][1] = mixed(c.y, at.u[k], at.v[k]);
    });
  }

  Floats determinants() const { return work.a11 * work.a22 - work.a12 * work.a12; }

  Floats min_eigenvalues() const {
    const Floats d = work.a11 - work.a22;
    return (work.a22 + work.a11 - root(d * d + 4.f * work.a12 * work.a12)) /
           float(2 * width * height);
  }

  // Mean |J − I| of lane k.
  float difference(const Split& prev, const Split& next, int k) const {
    return mean_difference<L, N>(
        Patch(prev_image, prev.ix[k], prev.iy[k]),
        Mixer<L, N>(Weights(prev.u[k], prev.v[k]), columns),
        Patch(next_image, next.ix[k], next.iy[k]),
        Mixer<L, N>(Weights(next.u[k], next.v[k]), columns), width, height);
  }

  // Moves the windows at (x, y) of the lanes to where their templates are found.
  // Returns the lanes whose windows left the image.
  Flags search(Flags active, Floats& x, Floats& y) {
    const Floats inverse = 1.f / (1 << 15) / (active ? determinants() : all_lanes(1));
    const Floats m11 = work.a11 * inverse, m12 = work.a12 * inverse, m22 = work.a22 * inverse;
    const float epsilon2 = task.options.epsilon * task.options.epsilon;

    Flags left{}, new_cell = active;
    Floats ix{}, iy{}, u{}, v{};  // the window is at (ix + u, iy + v)
    Floats bx[4] = {}, by[4] = {};       // Σ (J − I) ∇I at the four pixels
    Floats fx[4] = {}, fy[4] = {};       // the step's factors of 1, u, v, uv
    Floats last_dx{}, last_dy{};
    for (uint32_t i = 0; i < task.options.max_count; ++i) {
      if (bits(new_cell)) {
        const Flags inside = reach_into(next_image, x, y, task);
        left |= new_cell & ~inside;
        active &= ~left;
        new_cell &= inside;
        const Split at(new_cell, x, y);
        u = new_cell ? at.u : u, v = new_cell ? at.v : v;
        ix = new_cell ? to_floats(at.ix) : ix, iy = new_cell ? to_floats(at.iy) : iy;
        for_each(bits(new_cell), [&](int k) {
          const Correlation c = correlate<L, N>(Patch(next_image, at.ix[k], at.iy[k]), height,
                                                work.gx[k], work.gy[k]);
          for (int q = 0; q < 4; ++q) {
            bx[q][k] = float(c.x[q] - work.own[k][0]);
            by[q][k] = float(c.y[q] - work.own[k][1]);
          }
        });
        set_factors(m12, by, m22, bx, fx);
        set_factors(m12, bx, m11, by, fy);
      }
      const Floats dx = (fx[0] + u * fx[1]) + v * (fx[2] + u * fx[3]);
      const Floats dy = (fy[0] + u * fy[1]) + v * (fy[2] + u * fy[3]);
      const Flags done = dx * dx + dy * dy <= epsilon2;
      // Two steps that cancel: the search swings about the place half way.
      const Flags swings = ~done & (magnitude(dx + last_dx) < 0.01f) &
                           (magnitude(dy + last_dy) < 0.01f) & (i > 0 ? -1 : 0);
      const Floats share = swings ? all_lanes(0.5f) : all_lanes(1);
      u = active ? u + dx * share : u;
      v = active ? v + dy * share : v;
      x = active ? ix + u : x;
      y = active ? iy + v : y;
      active &= ~(done | swings);
      if (!bits(active)) break;
      last_dx = dx, last_dy = dy;
      new_cell = active & ~((u >= 0.f) & (u < 1.f) & (v >= 0.f) & (v < 1.f));
    }
    return left;
  }

  // p a − q b at four pixels, as factors of 1, u, v and uv.
  static LK_INLINE void set_factors(Floats p, const Floats* a, Floats q, const Floats* b,
                                    Floats* factors) {
    Floats c[4];
    for (int i = 0; i < 4; ++i) c[i] = p * a[i] - q * b[i];
    factors[0] = c[0];
    factors[1] = c[1] - c[0];
    factors[2] = c[2] - c[0];
    factors[3] = (c[3] - c[2]) - factors[1];
  }
};

template <int L, int N>
static void follow_batch(const FlowTask& task, const Columns& columns, FlowPoint* points,
                         int count, Workspace& work) {
  const lk_flow_options& options = task.options;
  const float half_x = float(options.win_width - 1) * 0.5f;
  const float half_y = float(options.win_height - 1) * 0.5f;
  Floats point_x{}, point_y{}, next_x{}, next_y{}, error{};
  Flags given{}, tracked{}, flat{};
  for (int k = 0; k < count; ++k) {
    given[k] = -1;
    point_x[k] = points[k].x, point_y[k] = points[k].y;
    next_x[k] = points[k].next_x / float(1 << task.top_level);
    next_y[k] = points[k].next_y / float(1 << task.top_level);
  }
  for (int l = task.top_level; l >= 0; --l) {
    Level<L, N> level{task, task.prev[l], task.next[l], columns, work};
    const float scale = 1.f / float(1 << l);
    const Floats prev_x = point_x * scale - half_x, prev_y = point_y * scale - half_y;
    if (l != task.top_level) next_x *= 2.f, next_y *= 2.f;

    const Flags inside = given & reach_into(task.prev[l], prev_x, prev_y, task);
    const Split prev(inside, prev_x, prev_y);
    work.a11 = work.a12 = work.a22 = Floats{};
    level.take_templates(bits(inside), prev);
    const Floats min_eig = level.min_eigenvalues();
    flat = inside & ((min_eig < options.min_eig_threshold) | (level.determinants() < kSingular));

    // What has no template hands down the guess it was given.
    const Flags active = inside & ~flat;
    const Floats from_x = next_x - half_x, from_y = next_y - half_y;
    Floats x = from_x, y = from_y;
    tracked = active & ~level.search(active, x, y);
    const Flags moved = (x != from_x) | (y != from_y);
    next_x = moved ? x + half_x : next_x;
    next_y = moved ? y + half_y : next_y;

    if (l > 0) continue;
    if (options.flags & LK_FLOW_GET_MIN_EIGENVALS) {
      error = inside ? min_eig : error;
      continue;
    }
    tracked &= reach_into(task.next[0], x, y, task);
    const Split next(tracked, x, y);
    for_each(bits(tracked), [&](int k) { error[k] = level.difference(prev, next, k); });
  }
  for (int k = 0; k < count; ++k) {
    points[k].next_x = next_x[k], points[k].next_y = next_y[k];
    points[k].error = error[k];
    points[k].status = tracked[k] ? LK_TRACKED : flat[k] ? LK_FLAT : LK_OUT_OF_FRAME;
  }
}

template <int L, int N>
static void follow_points(const FlowTask& task, FlowPoint* points, size_t count) {
  Workspace work;
  const Columns columns(int(task.options.win_width));
  for (size_t i = 0; i < count; i += kBatch)
    follow_batch<L, N>(task, columns, points + i,
                       count - i < kBatch ? int(count - i) : kBatch, work);
}

// L lanes × N vectors must hold one column more than the window has.
static void follow(const FlowTask& task, FlowPoint* points, size_t count) {
  const int columns = int(task.options.win_width) + 1;
#if defined(LK_LEVEL_AVX512)
  if (columns <= 16) return follow_points<16, 1>(task, points, count);
  if (columns <= 32) return follow_points<32, 1>(task, points, count);
  if (columns <= 48) return follow_points<16, 3>(task, points, count);
  return follow_points<32, 2>(task, points, count);
#elif defined(LK_LEVEL_AVX2)
  if (columns <= 16) return follow_points<16, 1>(task, points, count);
  if (columns <= 32) return follow_points<16, 2>(task, points, count);
  if (columns <= 48) return follow_points<16, 3>(task, points, count);
  return follow_points<16, 4>(task, points, count);
#else
  if (columns <= 16) return follow_points<8, 2>(task, points, count);
  if (columns <= 24) return follow_points<8, 3>(task, points, count);
  if (columns <= 32) return follow_points<8, 4>(task, points, count);
  return follow_points<8, 8>(task, points, count);
#endif
}
