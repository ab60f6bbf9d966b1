#include "scheduler.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <new>
#include <thread>

#include "engine.h"
#include "error.h"
#include "give_back.h"
#include "lane.h"

namespace lk {
namespace {

// Who has worked for so long gives way to others that wait.
constexpr int64_t kTurnNs = 5'000'000;
// Threads beyond the places: so many heavy jobs may be under way at once.
constexpr int kMostPaused = 128;
// How often deadlines are looked at; a longer pause between two looks, as of a process
// that was stopped, counts as three.
constexpr double kLookMs = 10;
constexpr int kIdleLooks = 100;

int64_t steady_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

const char* text_of(int32_t why) {
  return why == LK_DEADLINE ? "Cannot finish the job: it took longer than its deadline."
                            : "Cannot finish the job: it was cancelled.";
}

}  // namespace

bool Turn::let_others() { return job_->lane->scheduler().let_others(*this); }
void Turn::end() const {
  const int32_t why = stop_.load(std::memory_order_relaxed);
  throw Error{why, text_of(why)};
}

bool Job::enter() { return lane->scheduler().enter(*this); }
void Job::leave() { lane->scheduler().leave(*this); }
void settle(JobPtr job, int32_t status, const char* text) {
  Scheduler& scheduler = job->lane->scheduler();
  scheduler.settle(std::move(job), status, text);
}

Scheduler::Scheduler(std::string name, int places)
    : name_(std::move(name)), places_(places), most_threads_(places + kMostPaused) {}

Scheduler& Scheduler::cpu() {
  static Scheduler& scheduler =
      *new Scheduler("lk-cpu", int(std::max(1u, std::thread::hardware_concurrency())));
  return scheduler;
}

// ---- Jobs come and go ----

bool Scheduler::submit(JobPtr job) {
  Lane& lane = *job->lane;
  const bool starts_at_once = lane.starts_at_once(job->ask);
  const Lock lock(mutex_);
  if (threads_ == 0) start_thread(&Scheduler::serve);
  const bool is_first = !lane.is_busy_ && !lane.is_ready_;
  job->started_at_once = is_first && starts_at_once;
  append(std::move(job));
  if (!is_first) return false;
  if (starts_at_once) {
    begin(lane);
    return true;
  }
  set_ready(lane);
  dispatch();
  return false;
}

void Scheduler::submit_here(JobPtr job) {
  {
    const Lock lock(mutex_);
    Lane& lane = *job->lane;
    const bool is_first = !lane.is_busy_ && !lane.first_;
    if (!is_first && threads_ == 0) start_thread(&Scheduler::serve);
    append(job);
    job->caller_waits = is_first;
    if (!is_first) return;  // it is worked on when what is before it is done
    begin(lane);
  }
  work(std::move(job));
}

void Scheduler::append(JobPtr job) {
  Lane& lane = *job->lane;
  job->state_ = Job::State::kWaiting;
  job->is_again_ = false;
  job->turn.stop_ = LK_OK;
  if (job->ask.deadline_ms > 0) {
    if (!keeps_time_) start_thread(&Scheduler::keep_time), keeps_time_ = true;
    job->due_ = now_ + kLookMs + job->ask.deadline_ms;
    job->timed_place_ = job->timed_.begin();
    timed_.splice(timed_.end(), job->timed_);
    if (clock_sleeps_) wake_clock_.notify_one();
  }
  Job* const last = job.get();
  (lane.first_ ? lane.last_->next_ : lane.first_) = std::move(job);
  lane.last_ = last;
}

// The first job of a lane, which is then at work.
JobPtr Scheduler::begin(Lane& lane) {
  JobPtr job = std::move(lane.first_);
  lane.first_ = std::move(job->next_);
  lane.current_ = job;
  lane.is_busy_ = true;
  job->state_ = Job::State::kEntered;
  // Whoever ran it before may still ask.
  if (!job->is_again_) job->has_left_ = false;
  job->turn.wanted_ = nullptr;
  job->turn.job_ = job.get();
  return job;
}

void Scheduler::work(JobPtr job) {
  char text[sizeof job->done.error] = "";
  bool is_done = true;
  const int32_t status =
      guarded([&](const char* message) { std::snprintf(text, sizeof text, "%s", message); },
              [&] { is_done = job->lane->run(job); });
  if (is_done || status != LK_OK)
    settle(std::move(job), status, text);
  else if (!job->has_left_)  // else somebody may have entered it since
    leave(*job);
}

void Scheduler::again(JobPtr job) {
  const Lock lock(mutex_);
  if (job->state_ != Job::State::kIssued) return;
  if (threads_ == 0) start_thread(&Scheduler::serve);
  Lane& lane = *job->lane;
  lane.current_.reset();
  lane.is_busy_ = false;
  job->state_ = Job::State::kWaiting;
  job->is_again_ = true;
  job->caller_waits = job->started_at_once = false;
  if (!lane.first_) lane.last_ = job.get();
  job->next_ = std::move(lane.first_);
  lane.first_ = std::move(job);
  set_ready(lane);
  dispatch();
}

bool Scheduler::enter(Job& job) {
  const Lock lock(mutex_);
  if (job.state_ == Job::State::kSettled) return false;
  job.state_ = Job::State::kEntered;
  return true;
}

void Scheduler::leave(Job& job) {
  Settled settled;
  {
    const Lock lock(mutex_);
    if (job.state_ != Job::State::kEntered) return;
    job.state_ = Job::State::kIssued;
    job.has_left_ = true;
    if (job.turn.stop_ != LK_OK) settled = stop(job, job.turn.stop_);
  }
  tell(std::move(settled));
}

void Scheduler::settle(JobPtr job, int32_t status, const char* text) {
  Settled settled;
  {
    const Lock lock(mutex_);
    if (job->state_ == Job::State::kSettled) return;
    job->lane->current_.reset();  // not the last reference
    settled = finish(std::move(job), status, text);
  }
  tell(std::move(settled));
}

// Writes down the end of a job that its lane has let go of.
Scheduler::Settled Scheduler::finish(JobPtr job, int32_t status, const char* text) {
  const bool was_at_work = job->state_ != Job::State::kWaiting;
  job->state_ = Job::State::kSettled;
  job->done.tag = job->ask.tag;
  job->done.status = status;
  if (status != LK_OK) std::snprintf(job->done.error, sizeof job->done.error, "%s", text);
  if (job->timed_.empty()) job->timed_.splice(job->timed_.end(), timed_, job->timed_place_);
  auto lane = was_at_work ? job->lane : nullptr;
  return {std::move(job), std::move(lane)};
}

// Only then the next job of the lane comes: so they are told in order.
void Scheduler::tell(Settled settled) {
  if (!settled.job) return;
  const std::shared_ptr<Sink> sink = settled.job->sink;
  sink->settled(std::move(settled.job));
  if (settled.lane) {
    const Lock lock(mutex_);
    settled.lane->is_busy_ = false;
    if (settled.lane->first_) {
      set_ready(*settled.lane);
      dispatch();
    }
  }
  sink->wake();
}

// ---- Jobs are taken back ----

void Scheduler::cancel(Lane& lane) {
  std::vector<Settled> settled;
  {
    const Lock lock(mutex_);
    while (lane.first_) settled.push_back(stop(*lane.first_, LK_CANCELLED));
    if (lane.current_) settled.push_back(stop(*lane.current_, LK_CANCELLED));
  }
  for (Settled& one : settled) tell(std::move(one));
}

void Scheduler::cancel(const JobPtr& job) {
  Settled settled;
  {
    const Lock lock(mutex_);
    settled = stop(*job, LK_CANCELLED);
  }
  tell(std::move(settled));
}

// The job where it has settled by that; nothing where it has already, or has yet to.
Scheduler::Settled Scheduler::stop(Job& job, int32_t why) {
  Lane& lane = *job.lane;
  switch (job.state_) {
    case Job::State::kWaiting: {
      JobPtr* at = &lane.first_;
      Job* before = nullptr;
      for (; at->get() != &job; at = &before->next_) before = at->get();
      JobPtr taken = std::move(*at);
      *at = std::move(taken->next_);
      if (lane.last_ == &job) lane.last_ = before;
      if (!lane.first_ && !lane.is_busy_) unset_ready(lane);
      return finish(std::move(taken), why, text_of(why));
    }
    case Job::State::kEntered: {
      int32_t going = LK_OK;
      job.turn.stop_.compare_exchange_strong(going, why);
      if (lane.paused_) lane.paused_->wake.notify_one();
      return {};
    }
    case Job::State::kIssued:
      lane.lost_ = true;
      return finish(std::move(lane.current_), why, text_of(why));
    case Job::State::kSettled:
      break;
  }
  return {};
}

// Looks at the deadlines while there are any. Time is counted in looks, so that a
// process that was stopped does not find all its jobs late.
void Scheduler::keep_time() {
  using Clock = std::chrono::steady_clock;
  using Ms = std::chrono::duration<double, std::milli>;
  pthread_setname_np(pthread_self(), "lk-clock");
  auto before = Clock::now();
  int idle_looks = 0;
  for (std::vector<Settled> late;; late.clear()) {
    std::this_thread::sleep_for(Ms(kLookMs));
    {
      Lock lock(mutex_);
      const auto now = Clock::now();
      now_ += std::min(Ms(now - before).count(), 3 * kLookMs);
      before = now;
      for (auto next = timed_.begin(); next != timed_.end();) {
        Job& job = **next++;
        if (job.due_ > now_) continue;
        late.push_back(stop(job, LK_DEADLINE));
      }
      idle_looks = timed_.empty() ? idle_looks + 1 : 0;
      if (idle_looks > kIdleLooks) {
        clock_sleeps_ = true;
        wake_clock_.wait(lock, [&] { return !timed_.empty(); });
        clock_sleeps_ = false;
        before = Clock::now();
      }
    }
    for (Settled& one : late) tell(std::move(one));
  }
}

// ---- Whose turn it is ----

void Scheduler::set_ready(Lane& lane) {
  ready_.splice(ready_.end(), lane.queued_);
  lane.is_ready_ = true;
  if (!lane.paused_) ++unstarted_;
  ++wanted_;
}

void Scheduler::unset_ready(Lane& lane) {
  if (!lane.is_ready_) return;
  lane.queued_.splice(lane.queued_.end(), ready_, lane.place_);
  lane.is_ready_ = false;
  if (!lane.paused_) --unstarted_;
  --wanted_;
}

// Wakes or starts whoever can use the places that are free.
void Scheduler::dispatch() {
  grant_first();
  if (places_ == 0 || ready_.empty()) return;
  if (idle_ >= std::min(unstarted_, places_)) return call_thread();
  if (add_thread()) return;
  if (idle_ > 0) return call_thread();
  // Every thread has a job: only those that were at work can go on.
  const auto paused = std::find_if(ready_.begin(), ready_.end(),
                                   [](const Lane* lane) { return lane->paused_ != nullptr; });
  if (paused != ready_.end()) grant(**paused);
}

void Scheduler::grant_first() {
  while (places_ > 0 && !ready_.empty() && ready_.front()->paused_) grant(*ready_.front());
}

void Scheduler::grant(Lane& lane) {
  unset_ready(lane);
  --places_;
  lane.paused_->has_place = true;
  lane.paused_->wake.notify_one();
  lane.paused_ = nullptr;
}

bool Scheduler::let_others(Turn& turn) {
  if (steady_ns() - turn.began_ < kTurnNs) return true;
  Lane& lane = *turn.job_->lane;
  Worker& me = *turn.worker_;
  Lock lock(mutex_);
  if (ready_.empty()) return true;
  me.has_place = false;
  ++places_;
  lane.paused_ = &me;
  set_ready(lane);
  dispatch();
  me.wake.wait(lock, [&] { return me.has_place || turn.stop_ != LK_OK; });
  if (!me.has_place) {  // cancelled: it only has to end
    unset_ready(lane);
    lane.paused_ = nullptr;
    turn.wanted_ = nullptr;
  }
  turn.began_ = steady_ns();
  return turn.stop_ == LK_OK;
}

// ---- Threads ----

void Scheduler::start_thread(void (Scheduler::*body)()) {
  try {
    std::thread(body, this).detach();
  } catch (const std::exception& error) {  // no thread, or no memory for one
    fail(LK_OUT_OF_MEMORY, "Cannot start a thread: %s.", error.what());
  }
  if (body == &Scheduler::serve) ++threads_, ++idle_;  // until it begins
}

// Wakes the one that fell asleep last, for its caches are warm: where threads were woken
// in turn, frames on a GPU took the host a quarter longer.
void Scheduler::call_thread() {
  if (!last_idle_) return;  // all were called, and look at what there is
  Idle& idle = *last_idle_;
  last_idle_ = idle.before;
  idle.is_called = true;
  idle.wake.notify_one();
}

// False where there is none to be had: those that are there go on.
bool Scheduler::add_thread() {
  if (threads_ >= most_threads_) return false;
  try {
    start_thread(&Scheduler::serve);
    return true;
  } catch (const Error&) {
    return false;
  }
}

void Scheduler::serve() {
  pthread_setname_np(pthread_self(), name_.c_str());
  Lock lock(mutex_);
  --idle_;
  for (;;) {
    if (!retired_.empty()) {
      Retired retired = std::move(retired_.back());
      retired_.pop_back();
      dispatch();
      lock.unlock();
      retired.end();
      lock.lock();
    } else if (Lane* lane = take_ready()) {
      Worker me{true, {}};
      JobPtr job = begin(*lane);
      job->turn.worker_ = &me;
      job->turn.wanted_ = &wanted_;
      job->turn.began_ = steady_ns();
      lock.unlock();
      work(std::move(job));
      lock.lock();
      places_ += me.has_place;
    } else {
      Idle me;
      me.before = last_idle_;
      last_idle_ = &me;
      ++idle_;
      me.wake.wait(lock, [&] { return me.is_called; });
      --idle_;
    }
  }
}

// The first lane whose job has no thread, with a place for it; null: there is none.
Lane* Scheduler::take_ready() {
  grant_first();
  if (places_ == 0 || ready_.empty()) return nullptr;
  Lane* lane = ready_.front();
  unset_ready(*lane);
  --places_;
  grant_first();
  return lane;
}

void Scheduler::retire(std::unique_ptr<Sequence> sequence, std::shared_ptr<Counters> counters) {
  Retired retired{std::move(sequence), std::move(counters)};
  {
    const Lock lock(mutex_);
    if (idle_ == 0) add_thread();  // who is at work may be for minutes
    try {
      if (threads_ > 0) {
        retired_.push_back(std::move(retired));
        call_thread();
        return;
      }
    } catch (const std::bad_alloc&) {  // then here, too
    }
  }
  retired.end();
}

void Scheduler::Retired::end() {
  sequence.reset();
  --counters->sequences;
  give_back_memory();
}

}  // namespace lk
