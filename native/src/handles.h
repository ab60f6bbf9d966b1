// Handles are numbers, given once and never again: what was destroyed is unknown
// from then on, to every thread, however often it is used or destroyed again. Calls
// that use it meanwhile keep it alive until they return.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

namespace lk {

// Never 0, and different for all kinds of handles.
inline uintptr_t next_handle() {
  static std::atomic<uintptr_t> last{0};
  return last += 16;
}

// `Handle` is the type in lkstream.h, of which only pointers exist.
template <class Handle, class T>
class Handles {
 public:
  // The only one, which lives as long as the process.
  static Handles& all() {
    static Handles& handles = *new Handles;
    return handles;
  }

  Handle* add(std::shared_ptr<T> thing) {
    const uintptr_t handle = next_handle();
    const std::unique_lock lock(mutex_);
    things_.emplace(handle, std::move(thing));
    return reinterpret_cast<Handle*>(handle);
  }

  // Null where there is none, or no more.
  std::shared_ptr<T> find(const Handle* handle) const {
    const std::shared_lock lock(mutex_);
    const auto found = things_.find(reinterpret_cast<uintptr_t>(handle));
    return found == things_.end() ? nullptr : found->second;
  }

  std::shared_ptr<T> remove(const Handle* handle) {
    const std::unique_lock lock(mutex_);
    const auto node = things_.extract(reinterpret_cast<uintptr_t>(handle));
    return node.empty() ? nullptr : std::move(node.mapped());
  }

 private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<uintptr_t, std::shared_ptr<T>> things_;
};

}  // namespace lk
