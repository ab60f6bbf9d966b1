// One pyramid level from the one below it: 5 × 5 Gaussian (1 4 6 4 1)² / 256,
// rounded, mirrored at the borders, every second pixel of every second row.

static uint16_t gaussian_at(const u8* row, int x, int n) {
  return uint16_t(row[mirrored(x - 2, n)] + row[mirrored(x + 2, n)] +
                  4 * (row[mirrored(x - 1, n)] + row[mirrored(x + 1, n)]) +
                  6 * row[mirrored(x, n)]);
}

// Horizontal pass of one row, every second pixel. Read as 16-bit lanes, a row
// is pairs of pixels: the even one low, the odd one high.
static void gaussian_row(const u8* row, int width, uint16_t* out) {
  typedef uint16_t Pairs __attribute__((vector_size(64)));
  const int n = (width + 1) / 2;
  for (int x = 1; x < n - 1; x += 32) {
    const Pairs left = load<Pairs>(row + 2 * x - 2);
    const Pairs here = load<Pairs>(row + 2 * x);
    const Pairs right = load<Pairs>(row + 2 * x + 2);
    const Pairs even = (left & 255) + (right & 255) + 6 * (here & 255);
    store(out + x, Pairs(even + 4 * ((left >> 8) + (here >> 8))));
  }
  out[0] = gaussian_at(row, 0, width);
  out[n - 1] = gaussian_at(row, 2 * (n - 1), width);
}

static void gaussian_column(const uint16_t* a, const uint16_t* b, const uint16_t* c,
                            const uint16_t* d, const uint16_t* e, int width, u8* __restrict out) {
  for (int x = 0; x < width; ++x)
    out[x] = u8(uint16_t(a[x] + e[x] + 4 * (b[x] + d[x]) + 6 * c[x] + 128) >> 8);
}

static void pyr_down(const Image& src, const Image& dst, int from, int to, uint16_t* scratch) {
  const int pitch = dst.width + kSlack;
  int filtered = from ? 2 * from + 1 : 0;  // rows of src that went through the horizontal pass
  for (int y = from; y < to; ++y) {
    for (; filtered <= 2 * y + 2 && filtered < src.height; ++filtered)
      gaussian_row(src.row(filtered), src.width, scratch + filtered % 5 * pitch);
    const auto row = [&](int i) {
      return scratch + mirrored(2 * y + i, src.height) % 5 * pitch;
    };
    gaussian_column(row(-2), row(-1), row(0), row(1), row(2), dst.width,
                    const_cast<u8*>(dst.row(y)));
  }
}
