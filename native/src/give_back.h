#pragma once

namespace lk {

// Gives the system what the process has freed and its allocator still keeps: between blocks
// that live on, memory stays resident for good else. Not more often than every ten seconds.
void give_back_memory();

}  // namespace lk
