// What is summed over the window of one point, L × N columns at a time. Rows of
// gradients are L × N values apart; L × N is at least one more than the width.

constexpr int kMaxColumns = LK_MAX_WINDOW + 1;

// Bits set for the window's columns: in pairs from an even, and from an odd
// column on.
struct Columns {
  i16 even[kMaxColumns], odd[kMaxColumns];

  explicit Columns(int width) {
    for (int x = 0; x < kMaxColumns; ++x) {
      even[x] = (x & ~1) < width ? -1 : 0;
      odd[x] = (x | 1) < width ? -1 : 0;
    }
  }
};

// The pixel (x, y) and those around it; in the margin, too.
struct Patch {
  const u8* data;
  ptrdiff_t stride;

  Patch(const Image& image, int x, int y) : data(image.row(y) + x), stride(image.stride) {}
};

// Bilinear weights with 14 bits, as pairs for two neighbours in a row.
struct Weights {
  int w00, w01, w10, w11;

  static LK_INLINE int rounded(float v) { return int(__builtin_lrintf(v)); }
  Weights(float a, float b)
      : w00(rounded((1.f - a) * (1.f - b) * 16384.f)),
        w01(rounded(a * (1.f - b) * 16384.f)),
        w10(rounded((1.f - a) * b * 16384.f)),
        w11(16384 - w00 - w01 - w10) {}
};

// Gradients are computed with two bits more, so that mixing them by 14-bit
// weights puts the result into the high half of a 32-bit lane.
constexpr int kExtra = 4;

// Scharr gradients (3 10 3) of the pixels from p on, columns N × L, and rows.
template <int L, int N>
LK_INLINE void scharr(const Patch& p, int rows, i16* dx, i16* dy) {
  const Shorts<L> three = factor<L>(3 * kExtra), ten = factor<L>(10 * kExtra);
  // Of a row: differences of neighbours, and neighbours smoothed.
  Shorts<L> d[3][N], s[3][N];
  const auto take = [&](int i, const u8* row) __attribute__((always_inline)) {
    for (int n = 0; n < N; ++n) {
      const Shorts<L> left = load_pixels<L>(row + n * L - 1);
      const Shorts<L> right = load_pixels<L>(row + n * L + 1);
      d[i][n] = right - left;
      s[i][n] = (left + right) * three + load_pixels<L>(row + n * L) * ten;
    }
  };
  take(0, p.data - p.stride);
  take(1, p.data);
  for (int y = 0; y < rows; ++y) {
    take(2, p.data + (y + 1) * p.stride);
    for (int n = 0; n < N; ++n) {
      const int at = (y * N + n) * L;
      store(dx + at, Shorts<L>((d[0][n] + d[2][n]) * three + d[1][n] * ten));
      store(dy + at, Shorts<L>(s[2][n] - s[0][n]));
      d[0][n] = d[1][n], d[1][n] = d[2][n];
      s[0][n] = s[1][n], s[1][n] = s[2][n];
    }
  }
}

// Gradients outside of the image count as 0, though the image itself goes on
// mirrored: so it is in OpenCV.
LK_INLINE void clear_outside(const Image& image, int x, int y, int width, int height, int pitch,
                             i16* dx, i16* dy) {
  const int left = x < 0 ? -x : 0;
  const int right = x + width > image.width ? image.width - x : width;
  if (left == 0 && right == width && y >= 0 && y + height <= image.height) return;
  for (int j = 0; j < height; ++j, dx += pitch, dy += pitch) {
    const bool row_inside = y + j >= 0 && y + j < image.height;
    for (int i = 0; i < (row_inside ? left : width); ++i) dx[i] = dy[i] = 0;
    for (int i = right; i < width; ++i) dx[i] = dy[i] = 0;
  }
}

// Weights for rows of 16-bit values. Values at even and at odd columns pair
// with their right neighbours by loads that are one value apart, so nothing has
// to be shuffled. Past the window they are 0: no later step asks for its width.
template <int L, int N>
struct Mixer {
  struct Row {
    Shorts<L> even[N], odd[N];
  } top, bottom;

  Mixer(const Weights& w, const Columns& columns) {
    for (int n = 0; n < N; ++n) {
      const Shorts<L> even = load<Shorts<L>>(columns.even + n * L);
      const Shorts<L> odd = load<Shorts<L>>(columns.odd + n * L);
      top.even[n] = all_pairs<L>(w.w00, w.w01) & even;
      top.odd[n] = all_pairs<L>(w.w00, w.w01) & odd;
      bottom.even[n] = all_pairs<L>(w.w10, w.w11) & even;
      bottom.odd[n] = all_pairs<L>(w.w10, w.w11) & odd;
    }
  }
};

// Three sums over all lanes, which take more than 32 bits: halves apart.
template <int L>
LK_INLINE void add_lanes(Ints<L> a, Ints<L> b, Ints<L> c, int64_t* sums) {
  const Ints<L> none{};
  const Ints<8> low = sums_of_lanes<Ints<L>>(a & 0xffff, b & 0xffff, c & 0xffff, none);
  const Ints<8> high = sums_of_lanes<Ints<L>>(a >> 16, b >> 16, c >> 16, none);
  for (int i = 0; i < 3; ++i) sums[i] += int64_t(high[i]) * 65536 + low[i];
}

// The template's gradients gx, gy from those at whole pixels, dx, dy, rounded as
// OpenCV rounds them; sums receives Σ gx², Σ gx gy, Σ gy².
template <int L, int N>
LK_INLINE void template_gradients(const Mixer<L, N>& mixer, int height, const i16* dx,
                                  const i16* dy, i16* gx, i16* gy, int64_t* sums) {
  const Ints<L> half = Ints<L>{} + (1 << 15);
  // The upper row's share of the row to come.
  Ints<L> x_even[N], x_odd[N], y_even[N], y_odd[N];
  for (int n = 0; n < N; ++n) {
    x_even[n] = dot<L>(half, load<Shorts<L>>(dx + n * L), mixer.top.even[n]);
    x_odd[n] = dot<L>(half, load<Shorts<L>>(dx + n * L + 1), mixer.top.odd[n]);
    y_even[n] = dot<L>(half, load<Shorts<L>>(dy + n * L), mixer.top.even[n]);
    y_odd[n] = dot<L>(half, load<Shorts<L>>(dy + n * L + 1), mixer.top.odd[n]);
  }
  // |g| is at most 4080: 64 dot products fit a lane.
  constexpr int kRows = 64 / N;
  for (int from = 0; from < height; from += kRows) {
    const int to = from + kRows < height ? from + kRows : height;
    Ints<L> xx{}, xy{}, yy{};
    for (int y = from; y < to; ++y)
      for (int n = 0; n < N; ++n) {
        const int at = (y * N + n) * L, below = at + N * L;
        const auto lower = [&](const i16* d, Shorts<L> bottom, Shorts<L> top, Ints<L>& share)
            __attribute__((always_inline)) {
          const Shorts<L> row = load<Shorts<L>>(d);
          const Ints<L> mixed = dot<L>(share, row, bottom);
          share = dot<L>(half, row, top);
          return mixed;
        };
        const auto &bottom = mixer.bottom, &top = mixer.top;
        const Shorts<L> x =
            high_halves<L>(lower(dx + below, bottom.even[n], top.even[n], x_even[n]),
                           lower(dx + below + 1, bottom.odd[n], top.odd[n], x_odd[n]));
        const Shorts<L> y_ =
            high_halves<L>(lower(dy + below, bottom.even[n], top.even[n], y_even[n]),
                           lower(dy + below + 1, bottom.odd[n], top.odd[n], y_odd[n]));
        store(gx + at, x);
        store(gy + at, y_);
        xx = dot<L>(xx, x, x);
        xy = dot<L>(xy, x, y_);
        yy = dot<L>(yy, y_, y_);
      }
    add_lanes<L>(xx, xy, yy, sums);
  }
}

// Σ J ∇I for the four shifts 00, 01, 10, 11 by a pixel.
typedef double Doubles __attribute__((vector_size(32)));
struct Correlation {
  Doubles x, y;
};

// Four values mixed at the place (a, b) between them.
LK_INLINE double mixed(const Doubles& c, double a, double b) {
  const double top = c[0] + a * (c[1] - c[0]), bottom = c[2] + a * (c[3] - c[2]);
  return top + b * (bottom - top);
}

// Sums fit 32 bits: with 63 × 63 pixels of at most 255, and gradients whose
// positive and negative parts are within 255 · 16 · (width + 4) / 2 of each other
// in a row, none passes 2.14e9.
template <int L, int N>
LK_INLINE Correlation correlate(const Patch& p, int height, const i16* gx, const i16* gy) {
  Ints<L> x00{}, x01{}, x10{}, x11{}, y00{}, y01{}, y10{}, y11{};
  Shorts<L> left[N], right[N];
  for (int n = 0; n < N; ++n) {
    left[n] = load_pixels<L>(p.data + n * L);
    right[n] = load_pixels<L>(p.data + n * L + 1);
  }
  for (int y = 0; y < height; ++y) {
    const u8* below = p.data + (y + 1) * p.stride;
    for (int n = 0; n < N; ++n) {
      const Shorts<L> gradient_x = load<Shorts<L>>(gx + (y * N + n) * L);
      const Shorts<L> gradient_y = load<Shorts<L>>(gy + (y * N + n) * L);
      x00 = dot<L>(x00, left[n], gradient_x);
      x01 = dot<L>(x01, right[n], gradient_x);
      y00 = dot<L>(y00, left[n], gradient_y);
      y01 = dot<L>(y01, right[n], gradient_y);
      left[n] = load_pixels<L>(below + n * L);
      right[n] = load_pixels<L>(below + n * L + 1);
      x10 = dot<L>(x10, left[n], gradient_x);
      x11 = dot<L>(x11, right[n], gradient_x);
      y10 = dot<L>(y10, left[n], gradient_y);
      y11 = dot<L>(y11, right[n], gradient_y);
    }
  }
  return {__builtin_convertvector(sums_of_lanes(x00, x01, x10, x11), Doubles),
          __builtin_convertvector(sums_of_lanes(y00, y01, y10, y11), Doubles)};
}

// Mean |J − I| over the window, in grey levels.
template <int L, int N>
LK_INLINE float mean_difference(const Patch& prev, const Mixer<L, N>& prev_mixer,
                                const Patch& next, const Mixer<L, N>& next_mixer, int width,
                                int height) {
  // Differences have 14 bits after the point; 504 of them fit a lane.
  Ints<L> even{}, odd{};
  for (int y = 0; y < height; ++y) {
    const u8 *i = prev.data + y * prev.stride, *j = next.data + y * next.stride;
    for (int n = 0; n < N; ++n) {
      const auto mixed = [&](const u8* above, ptrdiff_t stride, Shorts<L> top, Shorts<L> bottom)
          __attribute__((always_inline)) {
        return dot<L>(dot<L>(Ints<L>{}, load_pixels<L>(above), top),
                      load_pixels<L>(above + stride), bottom);
      };
      const Ints<L> even_difference =
          mixed(j + n * L, next.stride, next_mixer.top.even[n], next_mixer.bottom.even[n]) -
          mixed(i + n * L, prev.stride, prev_mixer.top.even[n], prev_mixer.bottom.even[n]);
      const Ints<L> odd_difference =
          mixed(j + n * L + 1, next.stride, next_mixer.top.odd[n], next_mixer.bottom.odd[n]) -
          mixed(i + n * L + 1, prev.stride, prev_mixer.top.odd[n], prev_mixer.bottom.odd[n]);
      even += even_difference < 0 ? -even_difference : even_difference;
      odd += odd_difference < 0 ? -odd_difference : odd_difference;
    }
  }
  int64_t sums[3] = {};
  add_lanes<L>(even, odd, Ints<L>{}, sums);
  return float(double(sums[0] + sums[1]) / (16384. * width * height));
}
