// One sequence as its callers have it: its jobs in order, one at a time.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>

#include "engine.h"
#include "job.h"

namespace lk {

class Scheduler;
class Waiter;
struct Worker;

class Lane {
 public:
  Lane(const Engine& engine, uint32_t max_pixels);
  // The sequence ends on a thread of its scheduler.
  ~Lane();
  Lane(const Lane&) = delete;

  // Checks the job that is given to this lane, and works on it; see Sequence::run.
  bool run(const JobPtr& job);

  bool starts_at_once(const lk_job& job) const { return sequence_->starts_at_once(job); }

  Scheduler& scheduler() const { return scheduler_; }

  // All jobs that it has now.
  void cancel();

  // For a blocking call, so that it allocates nothing.
  std::shared_ptr<Waiter> borrow_waiter();
  void give_back(std::shared_ptr<Waiter> waiter);

 private:
  friend class Scheduler;

  const std::shared_ptr<Counters> counters_;
  std::unique_ptr<Sequence> sequence_;
  Scheduler& scheduler_;
  const uint32_t max_pixels_;

  std::mutex mutex_;
  std::shared_ptr<Waiter> waiter_;  // null while a call has it

  // The scheduler's.
  JobPtr first_;              // of those that wait
  Job* last_ = nullptr;
  JobPtr current_;            // entered or issued
  bool is_busy_ = false;      // with that, or its sink has not been told of its end yet
  std::atomic<bool> lost_{false};  // a job was cancelled while the device was at it
  bool is_ready_ = false;
  std::list<Lane*> queued_{this};  // itself, while it is not among those that are ready
  std::list<Lane*>::iterator place_ = queued_.begin();
  Worker* paused_ = nullptr;  // who works on the current job, and waits for a place
};

}  // namespace lk
