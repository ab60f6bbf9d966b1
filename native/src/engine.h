// What an engine is: everything behind the C interface that depends on where
// the work is done. Jobs arrive checked; failures are thrown as Error.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "image.h"
#include "job.h"
#include "lkstream.h"

namespace lk {

class Scheduler;

// The frames of one video.
//
// All of it but scheduler() is called by one thread at a time, mostly by one of
// scheduler()'s, or by one that makes a blocking call. The destructor, too, is run
// by one of scheduler()'s threads. So an engine whose calls may hang, as a
// driver's may, has a scheduler of its own, and nobody else waits for it.
class Sequence {
 public:
  virtual ~Sequence() = default;

  // Works on a job, of which flow, detect or windows is filled in for its kind; LK_RESET is
  // never given, see reset(). Returns true when the job is done: its lists and
  // job->done are written. Returns false when it was issued: then the engine keeps
  // the job, works on, and calls job->settle() in the end (job.h). Throws Error
  // when it failed; then it must have forgotten the job.
  //
  // The next job comes when this one has settled. With false and a cancel before
  // that, none comes any more: the sequence is lost, and destroyed when the engine
  // lets go of the job.
  virtual bool run(const JobPtr& job) = 0;

  // Whether run() would do no more than hand the job on to a device, in some
  // microseconds and without waiting for anything: then the thread that submits it calls
  // run() itself. Asked by any thread at any time.
  virtual bool starts_at_once(const lk_job&) const { return false; }

  // Forgets the current frame.
  virtual void reset() = 0;

  // Of the current frame; 0: there is none.
  virtual int width() const = 0;
  virtual int height() const = 0;

  // Whose threads run it; always the same, and never destroyed.
  virtual Scheduler& scheduler() const = 0;
};

// What its sequences count for lk_counters, which tells the meaning. They share it,
// for they may outlive the engine.
struct Counters {
  std::atomic<uint64_t> jpegs_on_gpu{0}, jpegs_on_cpu{0}, jpegs_refused{0};
  std::atomic<uint32_t> sequences{0};
};

// Used by any number of threads at once.
class Engine {
 public:
  virtual ~Engine() = default;

  // Returns at once: memory, and what a device has to say, come with the first job.
  virtual std::unique_ptr<Sequence> open(uint32_t max_pixels) const = 0;

  virtual uint32_t devices() const { return 0; }
  virtual uint32_t failed_devices() const { return 0; }

  std::string name, device, variant;
  const std::shared_ptr<Counters> counters = std::make_shared<Counters>();
};

std::shared_ptr<Engine> create_cpu_engine(const std::string& variant);
// Only where the library is built with CUDA.
std::shared_ptr<Engine> create_cuda_engine(const std::string& variant);

}  // namespace lk
