// An engine that issues its work and lets go of the thread, as one on a GPU does: what
// the library promises it, and its callers.
#include <thread>
#include <vector>

#include "check.h"
#include "engine.h"
#include "lane.h"
#include "queue.h"
#include "scheduler.h"
#include "wait.h"

namespace {

using lk::JobPtr;
using lk::Lane;
using lk::Queue;

// What the device has been given.
struct Device {
  std::mutex mutex;
  std::vector<JobPtr> issued;
  bool leaves_early = false, hangs = false;
  std::atomic<bool> is_hanging{false};

  size_t count() {
    const std::lock_guard lock(mutex);
    return issued.size();
  }
  JobPtr take() {
    wait_until([&] { return count() > 0; });
    const std::lock_guard lock(mutex);
    JobPtr job = std::move(issued.front());
    issued.erase(issued.begin());
    return job;
  }
};

lk::Scheduler& scheduler() {
  static lk::Scheduler& s = *new lk::Scheduler("lk-issuing", 2);
  return s;
}

class IssuingSequence final : public lk::Sequence {
 public:
  explicit IssuingSequence(Device& device) : device_(device) {}

  bool run(const JobPtr& job) override {
    if (device_.leaves_early) job->leave();
    {
      const std::lock_guard lock(device_.mutex);
      device_.issued.push_back(job);
    }
    device_.is_hanging = device_.hangs;
    while (device_.is_hanging) std::this_thread::yield();
    return false;
  }
  void reset() override {}
  int width() const override { return 0; }
  int height() const override { return 0; }
  lk::Scheduler& scheduler() const override { return ::scheduler(); }

 private:
  Device& device_;
};

class IssuingEngine final : public lk::Engine {
 public:
  explicit IssuingEngine(Device& device) : device_(device) {}
  std::unique_ptr<lk::Sequence> open(uint32_t) const override {
    return std::make_unique<IssuingSequence>(device_);
  }

 private:
  Device& device_;
};

const uint8_t kPixels[16] = {};

lk_job frame(uint32_t tag, uint32_t deadline_ms = 0) {
  lk_job job{};
  job.tag = tag;
  job.deadline_ms = deadline_ms;
  job.image = {kPixels, 16, LK_GREY, 4, 4, 4, 0};
  job.flow = {21, 21, 3, 30, 0.01f, 1e-4f, 0};
  return job;
}

struct Setting {
  Device device;
  IssuingEngine engine{device};
  std::shared_ptr<Lane> lane = std::make_shared<Lane>(engine, LK_MAX_PIXELS);
  std::shared_ptr<Queue> queue = std::make_shared<Queue>();

  ~Setting() {
    queue->close();
    lane.reset();
    wait_until([&] { return engine.counters->sequences == 0; });
    CHECK_EQUAL(engine.counters->sequences.load(), 0u);
  }
  void submit(uint32_t tag, uint32_t deadline_ms = 0) {
    CHECK(queue->submit(lane, frame(tag, deadline_ms), nullptr));
  }
  void expect(uint32_t tag, int32_t status) {
    lk_completion done{};
    CHECK_EQUAL(queue->take(&done, 1, true), 1u);
    CHECK_EQUAL(done.tag, tag);
    CHECK_EQUAL(done.status, status);
  }
  bool is_quiet() {
    lk_completion done;
    return queue->take(&done, 1, false) == 0;
  }
};

void a_job_ends_when_the_engine_says_so() {
  Setting s;
  s.submit(1);
  s.submit(2);
  JobPtr job = s.device.take();
  CHECK(s.is_quiet());
  CHECK_EQUAL(s.device.count(), 0u);  // the second one waits for the first one's end
  CHECK(job->enter());
  job->done.frame = {4, 4, 1, 0, 0};
  lk::settle(std::move(job));
  s.expect(1, LK_OK);
  lk::settle(s.device.take(), LK_ENGINE_FAILED, "Cannot go on: it is broken.");
  s.expect(2, LK_ENGINE_FAILED);
}

void who_waits_for_an_issued_job_is_freed_at_once() {
  Setting s;
  s.submit(1);
  s.submit(2);
  JobPtr job = s.device.take();
  // Until it is issued, a cancel waits for that.
  s.lane->cancel();
  lk_completion done[2];
  uint32_t count = 0;
  while (count < 2) count += s.queue->take(done + count, 2 - count, true);
  for (const auto& d : done) CHECK_EQUAL(d.status, LK_CANCELLED);
  // The device answers, too late: nobody hears of it, and the lists are not touched.
  CHECK(!job->enter());
  lk::settle(std::move(job));
  CHECK(s.is_quiet());
  s.submit(3);
  s.expect(3, LK_ENGINE_FAILED);  // the sequence is lost
  CHECK_EQUAL(s.device.count(), 0u);
}

void a_deadline_frees_it_too() {
  Setting s;
  s.submit(1, 1);
  JobPtr job = s.device.take();
  s.expect(1, LK_DEADLINE);
  s.submit(2);
  s.expect(2, LK_ENGINE_FAILED);
}

void while_entered_nobody_is_told() {
  Setting s;
  s.submit(1);
  JobPtr job = s.device.take();
  wait_until([&] { return job->enter(); });
  std::thread other([&] { s.lane->cancel(); });
  other.join();
  CHECK(s.is_quiet());
  job->leave();
  s.expect(1, LK_CANCELLED);
  CHECK(!job->enter());
}

void who_left_early_may_hang() {
  Setting s;
  s.device.leaves_early = s.device.hangs = true;
  s.submit(1);
  wait_until([&] { return s.device.is_hanging.load(); });
  s.lane->cancel();
  s.expect(1, LK_CANCELLED);
  s.submit(2);  // with the thread of the first one hanging still
  s.expect(2, LK_ENGINE_FAILED);
  s.device.is_hanging = false;
  s.device.take();
}

}  // namespace

int main() {
  a_job_ends_when_the_engine_says_so();
  who_waits_for_an_issued_job_is_freed_at_once();
  a_deadline_frees_it_too();
  while_entered_nobody_is_told();
  who_left_early_may_hang();
  return finish("test_issued");
}
