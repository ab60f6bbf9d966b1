#include "launches.h"

#include <utility>

#include "cuda_check.h"

namespace lk::cuda {
// A graph that is still at work goes when that is done.
Launches::~Launches() {
  for (Known& known : known_)
    if (known.graph) cudaGraphExecDestroy(known.graph);
}

void Launches::append(Launch launch, const void* value, size_t bytes) {
  launch.at = list_.values.size();
  list_.values.resize(launch.at + (bytes + sizeof(Piece) - 1) / sizeof(Piece));
  std::memcpy(list_.values.data() + launch.at, value, bytes);
  list_.launches.push_back(launch);
}

void Launches::List::start(cudaStream_t stream) const {
  for (const Launch& launch : launches) launch.call(launch.start, &values[launch.at], stream);
}

void Launches::start(cudaStream_t stream) {
  for (Known& known : known_) {
    if (!(known.list == list_)) continue;
    list_.clear();
    latest_ = int(&known - known_);
    if (!known.graph) known.graph = graph_of(known.list, stream);
    if (!known.graph) return known.list.start(stream);
    return check(cudaGraphLaunch(known.graph, stream), "start a graph");
  }
  list_.start(stream);
  latest_ = 1 - latest_;
  Known& oldest = known_[latest_];
  std::swap(oldest.list, list_);
  list_.clear();
  if (oldest.graph) cudaGraphExecDestroy(std::exchange(oldest.graph, nullptr));
}

// Null where there is no memory for one.
cudaGraphExec_t Launches::graph_of(const List& list, cudaStream_t stream) {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t made = nullptr;
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "begin a graph");
  try {
    list.start(stream);
  } catch (...) {
    if (cudaStreamEndCapture(stream, &graph) == cudaSuccess) cudaGraphDestroy(graph);
    throw;
  }
  check(cudaStreamEndCapture(stream, &graph), "end a graph");
  const cudaError_t error = cudaGraphInstantiate(&made, graph, 0);
  cudaGraphDestroy(graph);
  if (error == cudaErrorMemoryAllocation) return cudaGetLastError(), nullptr;
  check(error, "make a graph");
  return made;
}

}  // namespace lk::cuda
