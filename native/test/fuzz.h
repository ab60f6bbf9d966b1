// What fuzzers share: the entry that libFuzzer calls, too, and where to start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Inputs to mutate; for libFuzzer, they would be a corpus.
std::vector<std::vector<uint8_t>> fuzz_seeds();
