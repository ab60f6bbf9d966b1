// Where the ends of jobs are collected.
#pragma once

#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>

#include "job.h"
#include "lkstream.h"

namespace lk {

class Queue final : public Sink, public std::enable_shared_from_this<Queue> {
 public:
  // Without a lane the job completes at once, as one that is wrong. False where the
  // queue is closed.
  bool submit(std::shared_ptr<Lane> lane, const lk_job& ask, const uint8_t* data);

  // The completions that are there, waiting for the first one if that is asked for.
  uint32_t take(lk_completion* completions, uint32_t capacity, bool waits);

  // Idempotent. Returns when none of its jobs is under way any more.
  void close();

  void settled(JobPtr job) override;
  void wake() override { wake_.notify_one(); }

 private:
  void put_by(std::list<JobPtr>::iterator place, std::list<JobPtr>& list);
  void wait_awake(std::unique_lock<std::mutex>&);

  std::mutex mutex_;
  std::condition_variable wake_, ended_;
  bool closed_ = false;
  std::list<JobPtr> under_way_, settled_;
  std::list<JobPtr> spare_;  // to be used again
  int at_once_ = 0;          // jobs under way that were started at once
  std::atomic<bool> has_settled_{false};
};

// A job that its caller waits for.
class Waiter final : public Sink, public std::enable_shared_from_this<Waiter> {
 public:
  void run(std::shared_ptr<Lane> lane, const lk_job& ask, const uint8_t* data,
           lk_completion* completion);

  void settled(JobPtr job) override;
  void wake() override { wake_.notify_one(); }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  JobPtr spare_, settled_;
};

}  // namespace lk
