#include "nvjpeg.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace lk::cuda {
namespace {

// As many as keep the engines of an H100 busy (14,000 frames a second) while some
// of them are between two frames.
constexpr int kStates = 24;

// From nvjpeg.h, which not every machine that builds this has.
constexpr int kSuccess = 0, kOutputY = 2, kBackendDefault = 0;
struct NvImage {
  unsigned char* channel[4];
  size_t pitch[4];
};

}  // namespace

struct NvJpeg::Library {
  void* file = nullptr;
  int (*create)(int backend, void*, void*, unsigned flags, void** handle);
  int (*destroy)(void* handle);
  int (*state_create)(void* handle, void** state);
  int (*state_destroy)(void* state);
  int (*decode)(void* handle, void* state, const unsigned char*, size_t, int format, NvImage*,
                cudaStream_t);

  ~Library() {
    if (file) dlclose(file);
  }

  template <class Function>
  bool find(const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(file, name));
    return function;
  }
  bool open() {
    const char* wanted = std::getenv("LKSTREAM_NVJPEG");
    if (wanted && *wanted) {
      if (std::strcmp(wanted, "off") != 0) file = dlopen(wanted, RTLD_NOW | RTLD_LOCAL);
    } else {
      const std::string major = std::to_string(CUDART_VERSION / 1000);
      for (const std::string& name :
           {"libnvjpeg.so." + major, "/usr/local/cuda/lib64/libnvjpeg.so." + major,
            "/usr/local/cuda-" + major + "/lib64/libnvjpeg.so." + major})
        if (!file) file = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    }
    return file && find("nvjpegCreateEx", create) && find("nvjpegDestroy", destroy) &&
           find("nvjpegJpegStateCreate", state_create) &&
           find("nvjpegJpegStateDestroy", state_destroy) && find("nvjpegDecode", decode);
  }
};

std::unique_ptr<NvJpeg> NvJpeg::load() {
  std::unique_ptr<NvJpeg> result(new NvJpeg);
  result->library_ = std::make_unique<Library>();
  if (!result->library_->open()) return nullptr;
  if (result->library_->create(kBackendDefault, nullptr, nullptr, 0, &result->handle_) != kSuccess)
    return nullptr;
  return result;
}

// Few of the cores for each GPU: what feeds the GPU must not wait for one, and a server has its
// own use for them.
NvJpeg::NvJpeg() : places(kStates, std::max(1, int(std::thread::hardware_concurrency() / 8))) {}

NvJpeg::~NvJpeg() {
  for (void* state : states_) library_->state_destroy(state);
  if (handle_) library_->destroy(handle_);
}

bool NvJpeg::decode(DecodePlaces::Lease& lease, const uint8_t* jpeg, size_t bytes,
                    const DeviceImage& image, cudaStream_t stream) {
  void*& state = lease.state;
  if (!state) {
    const std::lock_guard lock(mutex_);
    if (library_->state_create(handle_, &state) != kSuccess) {
      state = nullptr;
      cudaGetLastError();
      return false;
    }
    states_.push_back(state);
  }
  NvImage target{{image.d_pixels}, {size_t(image.pitch)}};
  if (library_->decode(handle_, state, jpeg, bytes, kOutputY, &target, stream) == kSuccess)
    return true;
  cudaGetLastError();
  return false;
}

}  // namespace lk::cuda
