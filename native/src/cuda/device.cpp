#include "device.h"

#include <map>

namespace lk::cuda {

std::shared_ptr<Device> Device::get(int id, const char* name) {
  static std::mutex mutex;
  static std::map<int, std::weak_ptr<Device>> devices;
  const std::lock_guard lock(mutex);
  std::shared_ptr<Device> device = devices[id].lock();
  if (!device) devices[id] = device = std::make_shared<Device>(id, name);
  return device;
}

}  // namespace lk::cuda
