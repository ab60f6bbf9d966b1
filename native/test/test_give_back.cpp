// When a sequence ends, memory that was freed between blocks that live on is resident no more.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "check.h"
#include "wait.h"
#include "lkstream.h"

namespace {

double resident_mib() {
  long pages = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (!file || std::fscanf(file, "%*d %ld", &pages) != 1) std::abort();
  std::fclose(file);
  return double(pages) * 4096 / (1 << 20);
}

uint32_t sequences(const lk_engine* engine) {
  lk_counters counters{};
  lk_engine_counters(engine, &counters, sizeof counters);
  return counters.sequences;
}

}  // namespace

int main() {
  lk_engine* engine = nullptr;
  lk_sequence* sequence = nullptr;
  if (lk_engine_create("cpu", nullptr, &engine, nullptr, 0) ||
      lk_sequence_create(engine, 1 << 20, &sequence, nullptr, 0))
    return 1;
  std::vector<void*> freed, kept;
  for (int i = 0; i < 2000; ++i) {  // 64 MiB with something between
    freed.push_back(std::memset(std::malloc(32 << 10), 1, 32 << 10));
    kept.push_back(std::malloc(64));
  }
  for (void* block : freed) std::free(block);
  const double before = resident_mib();
  lk_sequence_destroy(sequence);
  wait_until([&] { return sequences(engine) == 0 && resident_mib() < 20; });
  const double after = resident_mib();
  std::printf("%.0f MiB resident, %.0f when the sequence has ended\n", before, after);
  CHECK(before > 60);
  CHECK(after < 20);
  for (void* block : kept) std::free(block);
  lk_engine_destroy(engine);
  return finish("test_give_back");
}
