// A GPU of this machine: who uses it, whether it still works, and what its users
// share.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "../error.h"
#include "../scheduler.h"
#include "corners.h"
#include "cuda_check.h"
#include "follow.h"
#include "lkstream.h"
#include "nvjpeg.h"
#include "waiters.h"

namespace lk::cuda {

class Device {
 public:
  // The one device of this number, shared by all engines of the process: what it has
  // to give is there once.
  static std::shared_ptr<Device> get(int id, const char* name);

  Device(int id, std::string name)
      : id(id),
        name(std::move(name)),
        waiters(int(std::max(1u, std::thread::hardware_concurrency() / 8))) {}
  ~Device() {
    if (cudaSetDevice(id) != cudaSuccess) return;
    detectors_.clear();
    nvjpeg_.reset();
  }

  const int id;
  const std::string name;
  std::atomic<int> sequences{0};
  // Of its own, for calls of the driver may hang.
  Scheduler& scheduler = *new Scheduler("lk-cuda-" + std::to_string(id), 28);
  // Few for each GPU: the cores are wanted for what the frames come from and go to.
  Waiters waiters;
  // After an error that CUDA does not recover from. Nothing new comes here.
  std::atomic<bool> failed{false};

  // Runs a body with this device set, and remembers if it fails for good.
  template <class Body>
  void run(const Body& body) {
    try {
      if (failed)
        fail(LK_ENGINE_FAILED, "Cannot go on: GPU %d (%s) has failed, and all its sequences with it.",
             id, name.c_str());
      check(cudaSetDevice(id), "use the device");
      body();
    } catch (const Error& error) {
      if (error.status == LK_ENGINE_FAILED && cudaDeviceSynchronize() != cudaSuccess) failed = true;
      throw;
    }
  }

  // Whether the search may start before the pyramid is done (overlap.cuh).
  bool overlaps() {
    std::call_once(overlap_known_, [&] { overlaps_ = search_waits(); });
    return overlaps_;
  }

  // Null where it cannot be used. Loaded when it is first asked for.
  NvJpeg* nvjpeg() {
    std::call_once(nvjpeg_loaded_, [&] { nvjpeg_ = NvJpeg::load(); });
    return nvjpeg_.get();
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
    body(*detector);
    const std::lock_guard lock(mutex_);
    detectors_.push_back(std::move(detector));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<CornerDetector>> detectors_;
  std::once_flag overlap_known_;
  bool overlaps_ = false;
  std::once_flag nvjpeg_loaded_;
  std::unique_ptr<NvJpeg> nvjpeg_;
};

}  // namespace lk::cuda
