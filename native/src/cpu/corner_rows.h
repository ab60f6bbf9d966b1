// Row by row: gradient products, their sums down the columns, scores, maxima.
// Plain loops over rows that stay in the first-level cache; the compiler
// vectorizes them.

template <int Size> struct Sobel;
template <> struct Sobel<3> {
  using Value = i16;
  static constexpr int smooth[] = {1, 2, 1}, derive[] = {-1, 0, 1};
};
template <> struct Sobel<5> {
  using Value = i16;
  static constexpr int smooth[] = {1, 4, 6, 4, 1}, derive[] = {-1, -2, 0, 2, 1};
};
template <> struct Sobel<7> {
  using Value = i32;
  static constexpr int smooth[] = {1, 6, 15, 20, 15, 6, 1}, derive[] = {-1, -4, -5, 0, 5, 4, 1};
};

template <int Size, class Sum>
static void sobel_products(const u8* const* rows, int width, Sum* const* out) {
  using Kernel = Sobel<Size>;
  using Value = typename Kernel::Value;
  constexpr int kRadius = Size / 2, kChunk = 256;
  Value smooth[kChunk + Size - 1], derived[kChunk + Size - 1];  // of columns
  const u8* r[Size];
  for (int from = 0; from < width; from += kChunk) {
    const int n = width - from < kChunk ? width - from : kChunk;
    for (int i = 0; i < Size; ++i) r[i] = rows[i] + from - kRadius;
    for (int x = 0; x < n + Size - 1; ++x) {
      Value s = 0, d = 0;
      for (int i = 0; i < Size; ++i) {
        s = Value(s + r[i][x] * Kernel::smooth[i]);
        d = Value(d + r[i][x] * Kernel::derive[i]);
      }
      smooth[x] = s;
      derived[x] = d;
    }
    Sum *__restrict xx = out[0] + from, *__restrict xy = out[1] + from,
        *__restrict yy = out[2] + from;
    for (int x = 0; x < n; ++x) {
      Value dx = 0, dy = 0;
      for (int i = 0; i < Size; ++i) {
        dx = Value(dx + smooth[x + i] * Kernel::derive[i]);
        dy = Value(dy + derived[x + i] * Kernel::smooth[i]);
      }
      xx[x] = Sum(dx) * Sum(dx);
      xy[x] = Sum(dx) * Sum(dy);
      yy[x] = Sum(dy) * Sum(dy);
    }
  }
}

template <class Sum>
static void products(const u8* const* rows, int gradient_size, int width, Sum* const* out) {
  if (gradient_size == 3) return sobel_products<3>(rows, width, out);
  if (gradient_size == 5) return sobel_products<5>(rows, width, out);
  return sobel_products<7>(rows, width, out);
}

template <class Sum>
static void slide(const Sum* added, const Sum* removed, int width, Sum* __restrict sums) {
  for (int x = 0; x < width; ++x) sums[x] += added[x] - removed[x];
}

// The smaller eigenvalue of (xx xy; xy yy), or det − k · trace².
LK_INLINE float score_of(float xx, float xy, float yy, bool harris, float k) {
  if (harris) return xx * yy - xy * xy - k * (xx + yy) * (xx + yy);
  const float a = xx * 0.5f, c = yy * 0.5f;
  return (a + c) - __builtin_sqrtf((a - c) * (a - c) + xy * xy);
}

template <class Sum>
static void scores(const Sum* const* sums, int width, float scale,
                   const lk_detect_options& options, Sum* scratch, float* __restrict out) {
  const int block_size = int(options.block_size);
  const bool harris = options.use_harris != 0;
  const float k = options.k;
  const Sum *xx = sums[0], *xy = sums[1], *yy = sums[2];
  if (block_size == 3 && !harris) {  // the usual case in one pass
    for (int x = 0; x < width; ++x)
      out[x] = score_of(float(xx[x] + xx[x + 1] + xx[x + 2]) * scale,
                        float(xy[x] + xy[x + 1] + xy[x + 2]) * scale,
                        float(yy[x] + yy[x + 1] + yy[x + 2]) * scale, false, k);
    return;
  }
  for (int i = 0; i < 3; ++i) {
    Sum* __restrict box = scratch + i * width;
    for (int x = 0; x < width; ++x) box[x] = sums[i][x];
    for (int j = 1; j < block_size; ++j)
      for (int x = 0; x < width; ++x) box[x] += sums[i][x + j];
  }
  for (int x = 0; x < width; ++x)
    out[x] = score_of(float(scratch[x]) * scale, float(scratch[width + x]) * scale,
                      float(scratch[2 * width + x]) * scale, harris, k);
}

LK_INLINE float larger(float a, float b) { return a > b ? a : b; }

static float row_max(const float* scores, const u8* mask, int width, float largest) {
  constexpr int kLanes = 16;
  float lane[kLanes];
  for (int i = 0; i < kLanes; ++i) lane[i] = largest;
  int x = 0;
  if (!mask)
    for (; x + kLanes <= width; x += kLanes)
      for (int i = 0; i < kLanes; ++i) lane[i] = larger(scores[x + i], lane[i]);
  else
    for (; x + kLanes <= width; x += kLanes)
      for (int i = 0; i < kLanes; ++i)
        lane[i] = larger(mask[x + i] ? scores[x + i] : largest, lane[i]);
  for (; x < width; ++x)
    if (!mask || mask[x]) lane[0] = larger(scores[x], lane[0]);
  for (int i = 0; i < kLanes; ++i) largest = larger(lane[i], largest);
  return largest;
}

static void local_maxima(const float* above, const float* middle, const float* below, int width,
                         float threshold, float* __restrict column, u8* __restrict hits) {
  for (int x = 0; x < width; ++x) column[x] = larger(larger(above[x], middle[x]), below[x]);
  for (int x = 1; x < width - 1; ++x) {
    const float around = larger(larger(column[x - 1], column[x + 1]), column[x]);
    hits[x] = u8((middle[x] >= around) & (middle[x] > threshold));
  }
}
