// A GPU of this machine: who uses it, whether it still works, and what its users
// share.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../error.h"
#include "../scheduler.h"
#include "corners.h"
#include "cuda_check.h"
#include "follow.h"
#include "lkstream.h"
#include "watcher.h"

namespace lk::cuda {

class Device {
 public:
  // The one device of this number, shared by all engines of the process: what it has
  // to give is there once.
  static std::shared_ptr<Device> get(int id, const char* name);

  Device(int id, std::string name);
  ~Device();

  const int id;
  const std::string name;
  std::atomic<int> sequences{0};
  // Of threads that do the host's part of the work. A driver that hangs holds them,
  // and no others.
  Scheduler& scheduler;
  Watcher watcher;

  // Nothing new comes here: after an error that CUDA does not recover from, or where
  // the GPU does not answer.
  bool has_failed() const { return failure_ != nullptr; }
  // Then nothing that the GPU may still use can be released.
  bool is_silent() const { return is_silent_; }

  // Runs a body with this device set, and remembers if it fails for good.
  template <class Body>
  void run(const Body& body) {
    try {
      check_works();
      check(cudaSetDevice(id), "use the device");
      body();
    } catch (const Error& error) {
      judge(error);
      throw;
    }
  }

  // Whether what an error tells of is for good; without waiting for the GPU.
  void judge(const Error&);

  // Whether the search may start before the pyramid is done (overlap.cuh).
  bool overlaps() {
    std::call_once(overlap_known_, [&] { overlaps_ = search_waits(); });
    return overlaps_;
  }

  // Lends a detector to a body. There are as many as are in use at once: they are
  // large, and a sequence seldom needs one.
  template <class Body>
  void with_detector(const Body& body) {
    std::unique_ptr<CornerDetector> detector;
    {
      const std::lock_guard lock(mutex_);
      if (!detectors_.empty()) {
        detector = std::move(detectors_.back());
        detectors_.pop_back();
      }
    }
    if (!detector) detector = std::make_unique<CornerDetector>();
    try {
      body(*detector);
    } catch (...) {
      if (is_silent()) detector.release();  // the GPU may still use it
      throw;
    }
    const std::lock_guard lock(mutex_);
    detectors_.push_back(std::move(detector));
  }

 private:
  void check_works() const;
  void become_silent();

  std::atomic<const char*> failure_{nullptr};  // what it did
  std::atomic<bool> is_silent_{false};
  std::mutex mutex_;
  std::vector<std::unique_ptr<CornerDetector>> detectors_;
  std::once_flag overlap_known_;
  bool overlaps_ = false;
};

}  // namespace lk::cuda
