#include "device.h"

#include <map>

namespace lk::cuda {
namespace {

// Some sleep while the GPU looks for corners; so there may be more of them than cores.
constexpr int kThreads = 64;

std::mutex devices_mutex;

Scheduler& scheduler_of(int id) {
  static std::map<int, Scheduler*> schedulers;
  Scheduler*& scheduler = schedulers[id];
  if (!scheduler) scheduler = new Scheduler("lk-cuda-" + std::to_string(id), kThreads);
  return *scheduler;
}

}  // namespace

std::shared_ptr<Device> Device::get(int id, const char* name) {
  static std::map<int, std::weak_ptr<Device>> devices;
  const std::lock_guard lock(devices_mutex);
  std::shared_ptr<Device> device = devices[id].lock();
  if (!device) devices[id] = device = std::make_shared<Device>(id, name);
  return device;
}

Device::Device(int id, std::string name)
    : id(id),
      name(std::move(name)),
      scheduler(scheduler_of(id)),
      watcher([id] { cudaSetDevice(id); }, [this] { become_silent(); }) {}

Device::~Device() {
  if (is_silent()) {
    for (auto& detector : detectors_) detector.release();
    return;
  }
  if (cudaSetDevice(id) != cudaSuccess) return;
  detectors_.clear();
}

void Device::check_works() const {
  if (const char* what = failure_)
    fail(LK_ENGINE_FAILED,
         "Cannot go on: GPU %d (%s) %s; this process uses it no more, and its sequences are lost.", id,
         name.c_str(), what);
}

void Device::judge(const Error& error) {
  if (error.status != LK_ENGINE_FAILED) return;
  // After such an error each call fails.
  const cudaError_t state = cudaStreamQuery(cudaStreamLegacy);
  if (state == cudaSuccess || state == cudaErrorNotReady) return;
  const char* works = nullptr;
  failure_.compare_exchange_strong(works, "has failed");
}

void Device::become_silent() {
  is_silent_ = true;
  failure_ = "does not answer";
}

}  // namespace lk::cuda
