// A GPU that is not there: the part of the CUDA runtime that the CUDA engine uses,
// in ordinary memory, each stream a thread. Kernels are the CPU engine's (kernels.cpp).
// So what the host does with a GPU can be tested anywhere, under sanitizers too, and
// with GPUs that stop answering or fail.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>

namespace fake_cuda {

// Work for a stream, after what it was given before.
void enqueue(cudaStream_t, std::function<void()> work);

// From now on the GPU does nothing that it is given; what is at work ends.
void stop_answering();
// It goes on where it stopped.
void answer();

// What the GPU is given from now on fails, and CUDA says so to every call; until mended.
void break_device();
void mend_device();

// Pieces of work that streams were given so far: in all, and by the calling thread.
int given();
int given_here();

// Whether there is memory for more graphs.
void have_room_for_graphs(bool);

// How often a graph was started.
int graphs();

// Allocations of device and pinned memory, streams, graphs and events that are not released yet.
int held();

}  // namespace fake_cuda
