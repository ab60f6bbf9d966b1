#include "lane.h"

#include "check.h"
#include "error.h"
#include "queue.h"
#include "scheduler.h"

namespace lk {
namespace {

FlowRequest checked_flow(const lk_job& ask) {
  check_options(ask.flow);
  const lk_points& p = ask.points;
  check_unused(p.unused);
  FlowRequest request{ask.flow,  p.n,    p.points,       p.guesses, p.next_points,
                      p.status, p.errors, p.fb_distances};
  check_lists(request);
  return request;
}

DetectRequest checked_detect(const lk_job& ask, uint32_t* count) {
  check_options(ask.detect);
  const lk_corners& c = ask.corners;
  DetectRequest request{ask.detect, c.avoid,  c.avoid_count, checked_mask(ask.image),
                        c.corners,  c.scores, c.capacity,    count};
  check_lists(request);
  return request;
}

}  // namespace

Lane::Lane(const Engine& engine, uint32_t max_pixels)
    : counters_(engine.counters),
      sequence_(engine.open(max_pixels)),
      scheduler_(sequence_->scheduler()),
      max_pixels_(max_pixels) {
  ++counters_->sequences;
}

Lane::~Lane() { scheduler_.retire(std::move(sequence_), counters_); }

void Lane::cancel() { scheduler_.cancel(*this); }

std::shared_ptr<Waiter> Lane::borrow_waiter() {
  const std::lock_guard lock(mutex_);
  return waiter_ ? std::move(waiter_) : std::make_shared<Waiter>();
}

void Lane::give_back(std::shared_ptr<Waiter> waiter) {
  const std::lock_guard lock(mutex_);
  waiter_ = std::move(waiter);
}

bool Lane::run(const JobPtr& job) {
  if (lost_)
    fail(LK_ENGINE_FAILED,
         "Cannot use the sequence: it is lost, for a job was cancelled while the device was at it.");
  job->turn.look();
  const lk_job& ask = job->ask;
  check_unused(ask.unused);
  switch (ask.kind) {
    case LK_ADVANCE:
      check_frame(ask.image, max_pixels_);
      job->flow = checked_flow(ask);
      return sequence_->run(job);
    case LK_DETECT:
      job->detect = checked_detect(ask, &job->done.detected.count);
      if (sequence_->width() == 0) fail(LK_NO_FRAME, "Cannot detect corners: the sequence has no frame yet.");
      check_mask_size(job->detect.mask, sequence_->width(), sequence_->height());
      return sequence_->run(job);
    case LK_RESET:
      sequence_->reset();
      return true;
    case LK_TAKE:
    case LK_COMPARE:
      job->windows = {ask.windows};
      check_lists(job->windows, ask.kind == LK_COMPARE);
      if (sequence_->width() == 0)
        fail(LK_NO_FRAME, "Cannot use windows: the sequence has no frame yet.");
      return sequence_->run(job);
    default:
      fail(LK_INVALID_ARGUMENT, "Cannot do a job of kind %u: it must be %d to %d.", ask.kind,
           LK_ADVANCE, LK_COMPARE);
  }
}

}  // namespace lk
