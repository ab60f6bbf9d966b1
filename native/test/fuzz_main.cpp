// Mutates seeds for a bounded time: --seconds N, --seed N, or FILE to replay one.
// The sequence of inputs depends on the seed alone. An input that crashes is
// left in the file crash-input.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include "fuzz.h"
#include "pictures.h"

namespace {

std::vector<uint8_t> g_input;

void save_input(const char* name) {
  if (std::FILE* f = std::fopen(name, "wb")) {
    std::fwrite(g_input.data(), 1, g_input.size(), f);
    std::fclose(f);
  }
}

void on_crash(int signal) {
  save_input("crash-input");
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void mutate(std::vector<uint8_t>& bytes, Random& random) {
  for (int n = 1 + random.below(8); n > 0; --n) {
    if (bytes.empty()) bytes.push_back(0);
    const int at = random.below(int(bytes.size()));
    switch (random.below(7)) {
      case 0: bytes[size_t(at)] ^= uint8_t(1 << random.below(8)); break;
      case 1: bytes[size_t(at)] = uint8_t(random.below(256)); break;
      case 2: bytes[size_t(at)] = random.below(2) ? 0xff : 0; break;
      case 3: bytes.resize(size_t(at)); break;
      case 4: bytes.erase(bytes.begin() + at); break;
      case 5: bytes.insert(bytes.begin() + at, uint8_t(random.below(256))); break;
      case 6: {  // a piece of it again, elsewhere
        const int from = random.below(int(bytes.size()));
        const int length = std::min(random.below(64), int(bytes.size()) - from);
        const std::vector<uint8_t> piece(bytes.begin() + from, bytes.begin() + from + length);
        bytes.insert(bytes.begin() + at, piece.begin(), piece.end());
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 5;
  uint64_t seed = 1;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--seconds") && i + 1 < argc) seconds = std::atof(argv[++i]);
    else if (!std::strcmp(argv[i], "--seed") && i + 1 < argc) seed = uint64_t(std::atoll(argv[++i]));
    else if (std::FILE* f = std::fopen(argv[i], "rb")) {
      for (int c; (c = std::fgetc(f)) != EOF;) g_input.push_back(uint8_t(c));
      std::fclose(f);
      return LLVMFuzzerTestOneInput(g_input.data(), g_input.size());
    } else {
      std::fprintf(stderr, "Cannot use the argument %s\n", argv[i]);
      return 2;
    }
  }
  for (const int s : {SIGSEGV, SIGABRT, SIGFPE, SIGILL, SIGBUS}) std::signal(s, on_crash);
  const auto seeds = fuzz_seeds();
  Random random(seed);
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  size_t runs = 0;
  for (const auto& s : seeds) {
    g_input = s;
    LLVMFuzzerTestOneInput(g_input.data(), g_input.size());
  }
  while (std::chrono::steady_clock::now() < end) {
    g_input = seeds[size_t(random.below(int(seeds.size())))];
    mutate(g_input, random);
    LLVMFuzzerTestOneInput(g_input.data(), g_input.size());
    ++runs;
  }
  std::printf("%s: %zu inputs, none failed\n", argv[0], runs);
}
