// Vectors of 16-bit integers, as wide as asked for. All but the dot product is
// the compilers' own vector arithmetic (GCC, Clang), so this works on any CPU.
// Included by kernels.cpp only, inside a namespace of its own for each level.

using i16 = int16_t;
using i32 = int32_t;
using u8 = uint8_t;

#define LK_INLINE inline __attribute__((always_inline))

template <int L> struct VectorOf;
#define LK_VECTORS(L)                                                   \
  template <> struct VectorOf<L> {                                      \
    typedef u8 bytes __attribute__((vector_size(L)));                   \
    typedef i16 shorts __attribute__((vector_size(2 * L)));             \
    typedef i32 ints __attribute__((vector_size(2 * L)));               \
    typedef uint32_t uints __attribute__((vector_size(2 * L)));         \
  };
LK_VECTORS(8)
LK_VECTORS(16)
LK_VECTORS(32)
#undef LK_VECTORS

template <int L> using Shorts = typename VectorOf<L>::shorts;  // L of 16 bits
template <int L> using Ints = typename VectorOf<L>::ints;      // L / 2 of 32 bits

template <class V>
LK_INLINE V load(const void* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <class V>
LK_INLINE void store(void* p, V v) {
  __builtin_memcpy(p, &v, sizeof v);
}

// L pixels, widened.
template <int L>
LK_INLINE Shorts<L> load_pixels(const u8* p) {
  return __builtin_convertvector(load<typename VectorOf<L>::bytes>(p), Shorts<L>);
}

template <int L>
LK_INLINE Shorts<L> all(int value) {
  return Shorts<L>{} + i16(value);
}

// Two 16-bit values in each 32-bit lane, the first one low.
template <int L>
LK_INLINE Shorts<L> all_pairs(int low, int high) {
  return Shorts<L>(Ints<L>{} + i32(uint32_t(uint16_t(low)) | uint32_t(high) << 16));
}

// sum + a[2i] b[2i] + a[2i + 1] b[2i + 1] in lane i.
template <int L>
LK_INLINE Ints<L> dot(Ints<L> sum, Shorts<L> a, Shorts<L> b) {
  using U = typename VectorOf<L>::uints;
  const Ints<L> low = (Ints<L>(U(a) << 16) >> 16) * (Ints<L>(U(b) << 16) >> 16);
  return sum + low + (Ints<L>(a) >> 16) * (Ints<L>(b) >> 16);
}

// Compilers make several instructions of load_pixels and dot as they stand.
#if defined(LK_LEVEL_SSE2) || defined(LK_LEVEL_AVX2) || defined(LK_LEVEL_AVX512)
template <>
LK_INLINE Shorts<8> load_pixels<8>(const u8* p) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return Shorts<8>(_mm_unpacklo_epi8(bytes, _mm_setzero_si128()));
}
template <>
LK_INLINE Ints<8> dot<8>(Ints<8> sum, Shorts<8> a, Shorts<8> b) {
  return sum + Ints<8>(_mm_madd_epi16(__m128i(a), __m128i(b)));
}
#endif
#if defined(LK_LEVEL_AVX2) || defined(LK_LEVEL_AVX512)
template <>
LK_INLINE Shorts<16> load_pixels<16>(const u8* p) {
  return Shorts<16>(_mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
#endif
#if defined(LK_LEVEL_AVX2)
template <>
LK_INLINE Ints<16> dot<16>(Ints<16> sum, Shorts<16> a, Shorts<16> b) {
  return sum + Ints<16>(_mm256_madd_epi16(__m256i(a), __m256i(b)));
}
#elif defined(LK_LEVEL_AVX512)
template <>
LK_INLINE Ints<16> dot<16>(Ints<16> sum, Shorts<16> a, Shorts<16> b) {
  return Ints<16>(_mm256_dpwssd_epi32(__m256i(sum), __m256i(a), __m256i(b)));
}
template <>
LK_INLINE Shorts<32> load_pixels<32>(const u8* p) {
  return Shorts<32>(_mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
}
template <>
LK_INLINE Ints<32> dot<32>(Ints<32> sum, Shorts<32> a, Shorts<32> b) {
  return Ints<32>(_mm512_dpwssd_epi32(__m512i(sum), __m512i(a), __m512i(b)));
}
#endif

// Lanes of a and b in turn, from the low (high) half of each block of four.
LK_INLINE Ints<8> zip_low(Ints<8> a, Ints<8> b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
LK_INLINE Ints<8> zip_high(Ints<8> a, Ints<8> b) {
  return __builtin_shufflevector(a, b, 2, 6, 3, 7);
}
LK_INLINE Ints<16> zip_low(Ints<16> a, Ints<16> b) {
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13);
}
LK_INLINE Ints<16> zip_high(Ints<16> a, Ints<16> b) {
  return __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15);
}
LK_INLINE Ints<32> zip_low(Ints<32> a, Ints<32> b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
}
LK_INLINE Ints<32> zip_high(Ints<32> a, Ints<32> b) {
  return __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
}

// The sum of all blocks of four lanes.
LK_INLINE Ints<8> fold(Ints<8> v) { return v; }
LK_INLINE Ints<8> fold(Ints<16> v) {
  return __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
}
LK_INLINE Ints<8> fold(Ints<32> v) {
  return fold(Ints<16>(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                       __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)));
}

// The sums of the lanes of a, b, c and d.
template <class V>
LK_INLINE Ints<8> sums_of_lanes(V a, V b, V c, V d) {
  const V ac = zip_low(a, c) + zip_high(a, c), bd = zip_low(b, d) + zip_high(b, d);
  return fold(V(zip_low(ac, bd) + zip_high(ac, bd)));
}

// The high halves of even's lanes in the even words, of odd's in the odd words.
template <int L>
LK_INLINE Shorts<L> high_halves(Ints<L> even, Ints<L> odd) {
  using U = typename VectorOf<L>::uints;
  return Shorts<L>(U(even) >> 16 | (U(odd) & 0xffff0000u));
}

#if defined(LK_LEVEL_AVX2) || defined(LK_LEVEL_AVX512)
template <>
LK_INLINE Shorts<16> high_halves<16>(Ints<16> even, Ints<16> odd) {
  return Shorts<16>(_mm256_blend_epi16(_mm256_srli_epi32(__m256i(even), 16), __m256i(odd), 0xaa));
}
#endif
#if defined(LK_LEVEL_AVX512)
template <>
LK_INLINE Shorts<32> high_halves<32>(Ints<32> even, Ints<32> odd) {
  // Bytes 2 and 3 of each lane to 0 and 1, into odd: one instruction.
  const __m512i down = _mm512_set1_epi32(0x0f0e0302) +
                       _mm512_broadcast_i32x4(_mm_setr_epi32(0, 0x404, 0x808, 0xc0c));
  return Shorts<32>(
      _mm512_mask_shuffle_epi8(__m512i(odd), 0x3333333333333333, __m512i(even), down));
}
#endif

// A constant that the compiler cannot see, so that it multiplies by it, one
// instruction, instead of shifting and adding, three.
template <int L>
LK_INLINE Shorts<L> factor(int value) {
  Shorts<L> v = all<L>(value);
#if defined(LK_LEVEL_AVX512)
  __asm__("" : "+v"(v));
#elif defined(LK_LEVEL_AVX2)
  __asm__("" : "+x"(v));
#endif
  return v;
}
