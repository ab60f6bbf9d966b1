// One job on its way: what is asked, what comes of it, and who may touch what the
// caller lent for it.
//
//   waiting ──▶ entered ──────────────▶ settled     an engine that works on the
//     │  ▲        │  ▲                      ▲       library's threads
//     │  │ leave()▼  │enter()               │
//     │  └────── issued ────────────────────┤       an engine that issues its work
//     │   again()                           │
//     └─────────────────────────────────────┘       cancel, deadline
//
// A cancel settles what waits or is issued at once. What is entered, it asks to end
// (turn.h), and settles as soon as it is left. Once settled, the caller may free
// what it lent: so nothing of it is read or written but while the job is entered.
#pragma once

#include <cstddef>
#include <atomic>
#include <list>
#include <memory>

#include "image.h"
#include "lkstream.h"
#include "turn.h"

namespace lk {

class Lane;
class Job;
using JobPtr = std::shared_ptr<Job>;

struct FlowRequest {
  lk_flow_options options;
  uint32_t n;
  const float* points;
  const float* guesses;  // or null
  float* next_points;
  uint8_t* status;
  float* errors;
  float* fb_distances;  // or null
};

struct DetectRequest {
  lk_detect_options options;
  const float* avoid;
  uint32_t avoid_count;
  Image mask;  // no data: everywhere
  float* corners;
  float* scores;  // or null
  uint32_t capacity;
  uint32_t* count;  // in Job::done
};

// Of LK_TAKE and LK_COMPARE.
struct WindowsRequest {
  lk_windows lists;

  // Of one window.
  size_t bytes() const {
    return size_t(lists.win_width + LK_WINDOW_MARGIN) *
           size_t(lists.win_height + LK_WINDOW_MARGIN);
  }
  uint8_t* window(uint32_t i) const { return lists.pixels + i * bytes(); }
};

// Who hears of a job's end, once: a queue, or a blocking call. It is handed the
// reference of who settled it.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void settled(JobPtr job) = 0;
  // Comes after that, when the next job of the lane may come: who waits is to go on.
  virtual void wake() = 0;
};

class Job {
 public:
  // ---- For the engine ----

  // Of LK_ADVANCE, checked: a file of ask.image.bytes bytes, or a grey image.
  bool is_jpeg() const { return ask.image.format == LK_JPEG; }
  Image grey() const {
    return {ask.image.data, int(ask.image.width), int(ask.image.height),
            ptrdiff_t(ask.image.stride)};
  }
  FlowRequest flow;
  // Of LK_DETECT, checked.
  DetectRequest detect;
  // Of LK_TAKE and LK_COMPARE, checked.
  WindowsRequest windows;

  // The engine writes frame or detected.
  lk_completion done;

  // A thread waits for this job, and it is the one that runs it.
  bool caller_waits = false;
  // The thread that submitted it runs it; see Sequence::starts_at_once().
  bool started_at_once = false;

  // To be asked every few points, rows and scanlines of work on a thread.
  Turn turn;

  // Whether what the caller lent may be touched, until leave(). False when the job
  // was cancelled: then its results are of no use to anybody.
  bool enter();

  // Nothing that the caller lent is touched from here to the next enter(). A job is
  // entered when it is given to run(), and left when that returns false. To leave it
  // before, as soon as all has been read, lets a cancel settle it sooner.
  void leave();

  // ---- For the library ----

  lk_job ask;
  std::shared_ptr<Lane> lane;
  std::shared_ptr<Sink> sink;
  std::list<JobPtr>::iterator place;  // in the list of its queue

 private:
  friend class Scheduler;
  enum class State { kWaiting, kEntered, kIssued, kSettled };

  // The scheduler's.
  State state_ = State::kWaiting;
  std::atomic<bool> has_left_{false};  // since it came to be at work, the first time
  bool is_again_ = false;              // it was at work before
  JobPtr next_;                  // in its lane
  double due_ = 0;               // by the scheduler's clock, ms
  std::list<Job*> timed_{this};  // itself, while it is not among those with a deadline
  std::list<Job*>::iterator timed_place_ = timed_.begin();
};

// The end of a job for which run() returned false, from any thread, entered or not:
// it is done, or failed. Without effect if it was cancelled. Give your own reference.
void settle(JobPtr job, int32_t status = LK_OK, const char* text = "");

}  // namespace lk
