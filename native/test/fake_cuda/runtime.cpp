#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "fake_cuda.h"

namespace {

std::atomic<bool> broken{false};
std::atomic<int> count{0}, work_given{0};
thread_local int work_given_here = 0;

std::mutex gate_mutex;
std::condition_variable gate_opened;
bool gate_closed = false;

void pass_gate() {
  std::unique_lock lock(gate_mutex);
  gate_opened.wait(lock, [] { return !gate_closed; });
}

cudaError_t state() { return broken ? cudaErrorLaunchFailure : cudaSuccess; }

std::mutex pinned_mutex;
std::set<void*> pinned;

class Stream {
 public:
  ~Stream() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  uint64_t push(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    if (captured_) return captured_->push_back(std::move(work)), pushed_;
    work_.push_back(std::move(work));
    changed_.notify_all();
    return ++pushed_;
  }
  // What is pushed goes there instead; null: it does not any more.
  void capture(std::vector<std::function<void()>>* to) {
    const std::lock_guard lock(mutex_);
    captured_ = to;
  }
  uint64_t pushed() {
    const std::lock_guard lock(mutex_);
    return pushed_;
  }
  bool has_done(uint64_t number) {
    const std::lock_guard lock(mutex_);
    return done_ >= number;
  }
  void wait_for(uint64_t number) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done_ >= number; });
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return ending_ || !work_.empty(); });
      if (work_.empty()) return;
      auto work = std::move(work_.front());
      work_.pop_front();
      lock.unlock();
      pass_gate();
      if (!broken) work();
      lock.lock();
      ++done_;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;
  uint64_t pushed_ = 0, done_ = 0;
  bool ending_ = false;
  std::vector<std::function<void()>>* captured_ = nullptr;
  std::thread thread_{[this] { run(); }};
};

using Graph = std::vector<std::function<void()>>;
thread_local Graph* capturing = nullptr;
std::atomic<int> graphs_started{0};
std::atomic<bool> room_for_graphs{true};

Stream& of(cudaStream_t stream) { return *reinterpret_cast<Stream*>(stream); }

}  // namespace

namespace fake_cuda {

void enqueue(cudaStream_t stream, std::function<void()> work) {
  of(stream).push(std::move(work));
  ++work_given, ++work_given_here;
}

void stop_answering() {
  const std::lock_guard lock(gate_mutex);
  gate_closed = true;
}
void answer() {
  const std::lock_guard lock(gate_mutex);
  gate_closed = false;
  gate_opened.notify_all();
}

void break_device() { broken = true; }
void mend_device() { broken = false; }
int given() { return work_given; }
int given_here() { return work_given_here; }
int held() { return count; }
int graphs() { return graphs_started; }
void have_room_for_graphs(bool have) { room_for_graphs = have; }

}  // namespace fake_cuda

extern "C" {

cudaError_t cudaGetDeviceCount(int* devices) {
  *devices = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {};
  std::strcpy(properties->name, "a GPU that is not there");
  properties->major = 9;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int) { return state(); }
cudaError_t cudaDeviceSynchronize() { return state(); }
cudaError_t cudaGetLastError() { return state(); }
const char* cudaGetErrorString(cudaError_t) { return "unspecified launch failure"; }
const char* cudaGetErrorName(cudaError_t) { return "cudaErrorLaunchFailure"; }

cudaError_t cudaMalloc(void** p, size_t bytes) {
  *p = std::malloc(bytes);
  ++count;
  return state();
}
cudaError_t cudaFree(void* p) {
  if (p) --count;
  std::free(p);
  return state();
}
cudaError_t cudaHostAlloc(void** p, size_t bytes, unsigned) {
  *p = std::malloc(bytes);
  ++count;
  const std::lock_guard lock(pinned_mutex);
  pinned.insert(*p);
  return state();
}
cudaError_t cudaFreeHost(void* p) {
  if (!p) return state();
  --count;
  const std::lock_guard lock(pinned_mutex);
  pinned.erase(p);
  std::free(p);
  return state();
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* p) {
  const std::lock_guard lock(pinned_mutex);
  *attributes = {};
  attributes->type = pinned.count(const_cast<void*>(p)) ? cudaMemoryTypeHost : cudaMemoryTypeUnregistered;
  return state();
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = reinterpret_cast<cudaStream_t>(new Stream);
  ++count;
  return state();
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete &of(stream);
  --count;
  return state();
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  of(stream).wait_for(of(stream).pushed());
  return state();
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  if (broken || stream == cudaStreamLegacy) return state();
  return of(stream).has_done(of(stream).pushed()) ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  of(stream).capture(capturing = new Graph);
  ++count;
  return state();
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  of(stream).capture(nullptr);
  *graph = reinterpret_cast<cudaGraph_t>(std::exchange(capturing, nullptr));
  return state();
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete reinterpret_cast<Graph*>(graph);
  --count;
  return state();
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* made, cudaGraph_t graph, unsigned long long) {
  if (!room_for_graphs) return cudaErrorMemoryAllocation;
  *made = reinterpret_cast<cudaGraphExec_t>(new Graph(*reinterpret_cast<Graph*>(graph)));
  ++count;
  return state();
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  delete reinterpret_cast<Graph*>(graph);
  --count;
  return state();
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  for (const auto& work : *reinterpret_cast<Graph*>(graph)) fake_cuda::enqueue(stream, work);
  ++graphs_started;
  return state();
}

cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t stream) {
  fake_cuda::enqueue(stream, [=] { std::memset(p, value, bytes); });
  return state();
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  fake_cuda::enqueue(stream, [=] { std::memcpy(to, from, bytes); });
  return state();
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind, cudaStream_t stream) {
  fake_cuda::enqueue(stream, [=] {
    for (size_t y = 0; y < height; ++y)
      std::memcpy(static_cast<char*>(to) + y * to_pitch,
                  static_cast<const char*>(from) + y * from_pitch, width);
  });
  return state();
}

}  // extern "C"
