#include "queue.h"

#include <sched.h>

#include <cstddef>
#include <cstdio>
#include <cstring>

#include "error.h"
#include "lane.h"
#include "scheduler.h"
#include "stopwatch.h"

namespace lk {
namespace {

void ask_for(Job& job, std::shared_ptr<Lane> lane, std::shared_ptr<Sink> sink, const lk_job& ask,
             const uint8_t* data) {
  job.ask = ask;
  if (data) job.ask.image.data = data;
  job.lane = std::move(lane);
  job.sink = std::move(sink);
  job.started_at_once = false;
}

// The text only where there is one.
void copy_out(const Job& job, lk_completion* to) {
  std::memcpy(to, &job.done, offsetof(lk_completion, error));
  if (job.done.status != LK_OK)
    std::memcpy(to->error, job.done.error, sizeof to->error);
}

}  // namespace

bool Queue::submit(std::shared_ptr<Lane> lane, const lk_job& ask, const uint8_t* data) {
  // Held until the job is in its lane, so that close() finds it there.
  std::unique_lock lock(mutex_);
  if (closed_) return false;
  if (spare_.empty()) spare_.push_back(std::make_shared<Job>());
  under_way_.splice(under_way_.end(), spare_, spare_.begin());
  JobPtr job = under_way_.back();
  job->place = std::prev(under_way_.end());
  ask_for(*job, std::move(lane), shared_from_this(), ask, data);
  if (!job->lane) {
    job->done.tag = ask.tag;
    job->done.status = LK_INVALID_ARGUMENT;
    std::snprintf(job->done.error, sizeof job->done.error,
                  "Cannot use the sequence: it is null or destroyed.");
    settled_.splice(settled_.end(), under_way_, job->place);
    has_settled_ = true;
    wake_.notify_one();
    return true;
  }
  Scheduler& scheduler = job->lane->scheduler();
  bool starts_at_once;
  try {
    starts_at_once = scheduler.submit(job);
  } catch (...) {
    job.reset();
    put_by(std::prev(under_way_.end()), under_way_);
    throw;
  }
  if (starts_at_once) {
    ++at_once_;
    lock.unlock();
    scheduler.work(std::move(job));
  }
  return true;
}

void Queue::settled(JobPtr job) {
  const auto place = job->place;
  const std::lock_guard lock(mutex_);
  at_once_ -= job->started_at_once;
  settled_.splice(settled_.end(), under_way_, place);
  job.reset();  // here, so that whoever takes it next knows if somebody else has it
  has_settled_ = true;
  if (closed_ && under_way_.empty()) ended_.notify_all();
}

// What was started at once takes some 50 µs, and to wake a thread up a fifth of that.
void Queue::wait_awake(std::unique_lock<std::mutex>& lock) {
  constexpr float kWhileMs = 0.1f;
  lock.unlock();
  for (const Stopwatch watch; !has_settled_ && watch.ms() < kWhileMs;) sched_yield();
  lock.lock();
}

uint32_t Queue::take(lk_completion* completions, uint32_t capacity, bool waits) {
  if (capacity == 0) return 0;
  std::unique_lock lock(mutex_);
  if (waits && at_once_ > 0 && !closed_) wait_awake(lock);
  if (waits) wake_.wait(lock, [&] { return closed_ || !settled_.empty(); });
  if (closed_) return 0;
  uint32_t count = 0;
  for (; count < capacity && !settled_.empty(); ++count) {
    copy_out(*settled_.front(), completions + count);
    put_by(settled_.begin(), settled_);
  }
  has_settled_ = !settled_.empty();
  return count;
}

// An engine may hold a job that was cancelled, and ask it: that one is left as it is.
void Queue::put_by(std::list<JobPtr>::iterator place, std::list<JobPtr>& list) {
  if (place->use_count() > 1) {
    list.erase(place);
    return;
  }
  (*place)->lane.reset();
  (*place)->sink.reset();
  spare_.splice(spare_.begin(), list, place);
}

void Queue::close() {
  std::list<JobPtr> jobs;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    wake_.notify_all();
    jobs = under_way_;
  }
  for (const JobPtr& job : jobs) job->lane->scheduler().cancel(job);
  jobs.clear();
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&] { return under_way_.empty(); });
  while (!settled_.empty()) put_by(settled_.begin(), settled_);
}

void Waiter::run(std::shared_ptr<Lane> lane, const lk_job& ask, const uint8_t* data,
                 lk_completion* completion) {
  JobPtr job = spare_ ? std::move(spare_) : std::make_shared<Job>();
  Scheduler& scheduler = lane->scheduler();
  ask_for(*job, std::move(lane), shared_from_this(), ask, data);
  scheduler.submit_here(std::move(job));
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return settled_ != nullptr; });
  job = std::move(settled_);
  copy_out(*job, completion);
  const bool is_ours = job.use_count() == 1;
  if (is_ours) {
    job->lane.reset();
    job->sink.reset();
    spare_ = std::move(job);
  }
}

void Waiter::settled(JobPtr job) {
  const std::lock_guard lock(mutex_);
  settled_ = std::move(job);
}

}  // namespace lk
