// Waits in tests are for events; none is for ever.
#pragma once

#include <chrono>
#include <thread>

// Asks again and again; gives up after a minute, for the check that follows to fail.
template <class Event>
void wait_until(const Event& event) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!event() && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}
