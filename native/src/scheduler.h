// The library's threads, and whose turn it is.
//
// Lanes that have a job to do wait in one list, and take turns: as many are at work
// at once as there are places. Whoever has worked for long while others wait gives
// its place to the first of them (turn.h), and goes to the end of the list; its
// thread sleeps meanwhile. So light jobs go by in the order in which they came, and
// heavy ones share what is left.
#pragma once

#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "job.h"

namespace lk {

class Lane;
class Sequence;
struct Counters;

// A thread with a job.
struct Worker {
  bool has_place;
  std::condition_variable wake;
};

// A thread without a job, asleep.
struct Idle {
  Idle* before = nullptr;  // the one that fell asleep before this one
  bool is_called = false;
  std::condition_variable wake;
};

// Lives as long as the process: its threads end with it.
class Scheduler {
 public:
  // Threads are called as it is, so they can be told apart: 15 letters.
  Scheduler(std::string name, int places);
  // The one for all CPU engines: as many places as there are cores.
  static Scheduler& cpu();

  // Hands a job to its lane. Throws, and has not taken it, where there is no thread.
  // True where the caller is to work() on it itself, for it is soon done.
  bool submit(JobPtr job);
  void work(JobPtr job);
  // The same for a caller that waits: works on it here, if nothing is before it.
  void submit_here(JobPtr job);

  void cancel(Lane& lane);
  void cancel(const JobPtr& job);

  // Destroys a sequence on one of the threads.
  void retire(std::unique_ptr<Sequence> sequence, std::shared_ptr<Counters> counters);

  bool enter(Job& job);
  void leave(Job& job);
  void settle(JobPtr job, int32_t status, const char* text);
  bool let_others(Turn& turn);

  // For an engine that has issued a job and now wants to be given it once more, by one of
  // the threads: it waits again, before all others of its lane. Without effect if it was
  // cancelled. Throws where there is no thread.
  void again(JobPtr job);

 private:
  using Lock = std::unique_lock<std::mutex>;
  // A job at its end, for its sink to be told; and its lane, if that waits for it to be.
  struct Settled {
    JobPtr job;
    std::shared_ptr<Lane> lane;
  };
  struct Retired {
    std::unique_ptr<Sequence> sequence;
    std::shared_ptr<Counters> counters;
    void end();
  };

  void serve();
  void keep_time();
  void start_thread(void (Scheduler::*body)());
  void tell(Settled settled);

  // With the lock held:
  void append(JobPtr job);
  JobPtr begin(Lane& lane);
  void set_ready(Lane& lane);
  void unset_ready(Lane& lane);
  Lane* take_ready();
  void grant(Lane& lane);
  void grant_first();
  void dispatch();
  void call_thread();
  bool add_thread();
  Settled finish(JobPtr job, int32_t status, const char* text);
  Settled stop(Job& job, int32_t why);

  const std::string name_;
  std::mutex mutex_;
  int places_;             // free ones
  const int most_threads_;
  int threads_ = 0, idle_ = 0;
  Idle* last_idle_ = nullptr;  // of those that are not called yet
  std::list<Lane*> ready_;
  int unstarted_ = 0;      // of these, the ones whose job has no thread
  std::atomic<int> wanted_{0};  // how many are ready
  std::vector<Retired> retired_;

  std::list<Job*> timed_;  // jobs with a deadline
  double now_ = 0;         // ms that the process has run, as far as it was looked at
  bool keeps_time_ = false;
  std::condition_variable wake_clock_;
  bool clock_sleeps_ = false;
};

}  // namespace lk
