// The CUDA engine: sequences, each on the device that was the least loaded one.
#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "../engine.h"
#include "../error.h"
#include "cuda_sequence.h"
#include "device.h"

namespace lk::cuda {
namespace {

class CudaEngine final : public Engine {
 public:
  explicit CudaEngine(std::vector<std::shared_ptr<Device>> devices)
      : devices_(std::move(devices)) {
    name = "cuda";
    device = devices_[0]->name;
    if (devices_.size() > 1) device += " and " + std::to_string(devices_.size() - 1) + " more";
    for (const auto& d : devices_) {
      if (!variant.empty()) variant += ',';
      variant += std::to_string(d->id);
    }
  }

  std::unique_ptr<Sequence> open(uint32_t max_pixels) const override {
    return open_sequence(least_loaded(), counters, max_pixels);
  }

  uint32_t devices() const override { return uint32_t(devices_.size()); }
  uint32_t failed_devices() const override {
    return uint32_t(std::count_if(devices_.begin(), devices_.end(),
                                  [](const auto& d) { return d->has_failed(); }));
  }

 private:
  std::shared_ptr<Device> least_loaded() const {
    std::shared_ptr<Device> best;
    for (const auto& d : devices_)
      if (!d->has_failed() && (!best || d->sequences < best->sequences)) best = d;
    if (!best)
      fail(LK_ENGINE_FAILED,
           "Cannot go on: every GPU in use has failed, and CUDA needs a new process to use one.");
    return best;
  }

  const std::vector<std::shared_ptr<Device>> devices_;
};

[[noreturn]] void unavailable(cudaError_t error) {
  cudaGetLastError();
  int driver = 0;
  cudaDriverGetVersion(&driver);
  if (error == cudaErrorInsufficientDriver && driver > 0)
    fail(LK_UNAVAILABLE,
         "Cannot use engine cuda: the NVIDIA driver is for CUDA %d.%d, and %d.%d is needed.",
         driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
  if (driver == 0)
    fail(LK_UNAVAILABLE, "Cannot use engine cuda: there is no NVIDIA driver on this machine.");
  if (error == cudaSuccess || error == cudaErrorNoDevice)
    fail(LK_UNAVAILABLE, "Cannot use engine cuda: there is no GPU on this machine.");
  fail(LK_UNAVAILABLE, "Cannot use engine cuda: CUDA says \"%s\" (%s).", cudaGetErrorString(error),
       cudaGetErrorName(error));
}

// Kernels are compiled for compute capability 7.5 and later.
bool can_run(const cudaDeviceProp& p) { return p.major * 10 + p.minor >= 75; }

}  // namespace
}  // namespace lk::cuda

namespace lk {

std::shared_ptr<Engine> create_cuda_engine(const std::string& variant) {
  using namespace cuda;
  // Streams share hardware queues, 8 of them unless one asks for more, and wait for
  // one another there: with 16 sequences a third of the frames a second is lost.
  // CUDA reads this when it is first used.
  setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) unavailable(error);
  std::vector<std::shared_ptr<Device>> devices;
  std::string refused;
  for (int id = 0; id < count; ++id) {
    if (!variant.empty() && variant != std::to_string(id)) continue;
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, id), "ask for the device's properties");
    if (!can_run(properties)) {
      refused = std::string(properties.name) + " has compute capability " +
                std::to_string(properties.major) + "." + std::to_string(properties.minor) +
                ", and 7.5 is needed";
      continue;
    }
    devices.push_back(Device::get(id, properties.name));
  }
  if (devices.empty() && !refused.empty())
    fail(LK_UNAVAILABLE, "Cannot use engine cuda: %s.", refused.c_str());
  if (devices.empty())
    fail(LK_UNAVAILABLE,
         "Cannot use the device \"%.40s\": it must be a number from 0 to %d.", variant.c_str(),
         count - 1);
  return std::make_shared<CudaEngine>(std::move(devices));
}

}  // namespace lk
