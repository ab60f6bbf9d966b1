// What the host does with a GPU, on one that is not there (fake_cuda/): work that is
// taken back, that is late, a GPU that stops answering and one that fails.
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "fake_cuda/fake_cuda.h"
#include "lkstream.h"
#include "pictures.h"
#include "wait.h"

namespace {

constexpr uint32_t kWidth = 160, kHeight = 120, kPoints = 3;

// An engine and a queue, both destroyed in the end.
struct Place {
  lk_engine* engine = nullptr;
  lk_queue* queue = nullptr;

  Place() {
    char text[256] = "";
    CHECK_EQUAL(lk_engine_create("cuda", "", &engine, text, sizeof text), LK_OK);
    CHECK_EQUAL(lk_queue_create(&queue, text, sizeof text), LK_OK);
  }
  Place(const Place&) = delete;
  ~Place() {
    lk_queue_destroy(queue);
    lk_engine_destroy(engine);
  }

  lk_completion wait() const {
    lk_completion completion{};
    CHECK_EQUAL(lk_queue_wait(queue, &completion, 1), 1u);
    return completion;
  }
  lk_counters counters() const {
    lk_counters c{};
    CHECK_EQUAL(lk_engine_counters(engine, &c, sizeof c), LK_OK);
    return c;
  }
};

// A sequence with what its jobs need, which may be freed as soon as they have settled.
struct Camera {
  const Place& place;
  lk_sequence* sequence = nullptr;
  Picture picture = noise(kWidth, kHeight, 1);
  std::vector<uint8_t> jpeg = jpeg_of(picture, Jpeg::kColour);
  std::vector<float> points{40, 40, 80, 60, 120, 90}, next = std::vector<float>(2 * kPoints),
                     errors = std::vector<float>(kPoints), corners = std::vector<float>(200);
  std::vector<uint8_t> status = std::vector<uint8_t>(kPoints);

  explicit Camera(const Place& place) : place(place) {
    CHECK_EQUAL(lk_sequence_create(place.engine, LK_MAX_PIXELS, &sequence, nullptr, 0), LK_OK);
  }
  Camera(const Camera&) = delete;
  ~Camera() { lk_sequence_destroy(sequence); }

  void submit(lk_job job, uint32_t deadline_ms = 0) {
    job.deadline_ms = deadline_ms;
    CHECK_EQUAL(lk_queue_submit(place.queue, sequence, &job, nullptr), LK_OK);
  }
  lk_completion run(const lk_job& job) {
    submit(job);
    return place.wait();
  }

  lk_job frame(bool as_jpeg = false) {
    lk_job job{};
    job.kind = LK_ADVANCE;
    if (as_jpeg)
      job.image = {jpeg.data(), uint32_t(jpeg.size()), LK_JPEG, 0, 0, 0, 0};
    else
      job.image = {picture.pixels.data(), uint32_t(picture.pixels.size()), LK_GREY,
                   uint32_t(picture.width), kHeight, uint32_t(picture.width), 0};
    job.points = {points.data(), nullptr, next.data(), status.data(), errors.data(), nullptr,
                  kPoints, 0};
    job.flow = {15, 15, 2, 10, 0.01f, 1e-4f, 0};
    return job;
  }
  lk_job detection() {
    lk_job job{};
    job.kind = LK_DETECT;
    job.corners = {nullptr, corners.data(), nullptr, 0, uint32_t(corners.size() / 2)};
    job.detect = {100, 0.01f, 7, 3, 3, 0, 0.04f};
    return job;
  }
  // Until there is a frame to follow points from.
  void warm_up() {
    for (int i = 0; i < 2; ++i) CHECK_EQUAL(run(frame()).status, LK_OK);
    CHECK_EQUAL(run(detection()).status, LK_OK);
  }
};

// Whether it comes about, by other threads.
template <class Event>
bool comes(const Event& event) {
  wait_until(event);
  return event();
}

void test_what_is_taken_back(bool as_jpeg) {
  Place place;
  auto camera = std::make_unique<Camera>(place);
  Camera other(place);
  camera->warm_up();
  other.warm_up();
  fake_cuda::stop_answering();
  const int begun = fake_cuda::given();
  camera->submit(camera->frame(as_jpeg));
  CHECK(comes([&] { return fake_cuda::given() >= begun + 3; }));
  lk_sequence_cancel(camera->sequence);
  CHECK_EQUAL(place.wait().status, LK_CANCELLED);
  const lk_completion lost = camera->run(camera->frame());
  CHECK_EQUAL(lost.status, LK_ENGINE_FAILED);
  CHECK(std::strstr(lost.error, "lost"));
  camera.reset();  // what its job was to write with it
  CHECK_EQUAL(place.counters().sequences, 2u);
  fake_cuda::answer();
  CHECK(comes([&] { return place.counters().sequences == 1; }));
  CHECK_EQUAL(other.run(other.frame()).status, LK_OK);
  CHECK_EQUAL(place.counters().failed_devices, 0u);
}

// Frames like those before are one call each, also where points come and go.
void test_frames_alike() {
  for (const bool as_jpeg : {false, true}) {
    Place place;
    Camera camera(place);
    const auto show = [&](const Picture& picture) {
      camera.picture = picture;
      camera.jpeg = jpeg_of(picture, Jpeg::kColour);
    };
    const auto graphs_of = [&](int frames) {
      const int before = fake_cuda::graphs();
      for (int i = 0; i < frames; ++i) {
        lk_job job = camera.frame(as_jpeg);
        job.points.n = kPoints - uint32_t(i % 2);
        CHECK_EQUAL(camera.run(job).status, LK_OK);
      }
      return fake_cuda::graphs() - before;
    };
    for (const int width : {160, 176}) {
      show(waves(width, kHeight));
      graphs_of(3);  // one without points, and one for each pyramid
      CHECK_EQUAL(graphs_of(5), 5);
    }
    fake_cuda::have_room_for_graphs(false);
    show(waves(192, kHeight));
    CHECK_EQUAL(graphs_of(8), 0);
    fake_cuda::have_room_for_graphs(true);
    CHECK_EQUAL(graphs_of(2), 2);
  }
}

// From pinned memory, the thread that submits a frame hands it to the GPU itself.
void test_what_starts_at_once() {
  Place place;
  Camera camera(place), other(place);
  camera.warm_up();
  other.warm_up();
  void* pinned = nullptr;
  CHECK_EQUAL(cudaHostAlloc(&pinned, kWidth * kHeight, cudaHostAllocDefault), cudaSuccess);
  const Picture moved = waves(kWidth, kHeight, 1.3, -0.7);
  other.picture = moved;
  std::memcpy(pinned, moved.pixels.data(), moved.pixels.size());
  lk_job job = camera.frame();
  job.image.data = static_cast<const uint8_t*>(pinned);
  CHECK_EQUAL(other.run(other.frame()).status, LK_OK);
  fake_cuda::stop_answering();
  const int begun = fake_cuda::given_here();
  camera.submit(job);
  CHECK_EQUAL(fake_cuda::given_here(), begun + 3);
  fake_cuda::answer();
  CHECK_EQUAL(place.wait().status, LK_OK);
  CHECK(camera.next == other.next && camera.status == other.status &&
        camera.errors == other.errors);
  fake_cuda::stop_answering();
  camera.submit(job);
  lk_sequence_cancel(camera.sequence);
  CHECK_EQUAL(place.wait().status, LK_CANCELLED);
  fake_cuda::answer();
  CHECK_EQUAL(other.run(other.frame()).status, LK_OK);
  cudaFreeHost(pinned);
}

// A file that does not come out even on the GPU, though libjpeg takes it: it is run again,
// before what comes after it.
void test_what_is_uneven() {
  Place place;
  Camera camera(place), other(place);
  for (Camera* each : {&camera, &other}) CHECK_EQUAL(each->run(each->frame(true)).status, LK_OK);
  CHECK_EQUAL(place.counters().jpegs_on_gpu, 2u);
  const std::vector<uint8_t> even = jpeg_of(waves(kWidth, kHeight), Jpeg::kColour);
  camera.jpeg = other.jpeg = even;
  camera.jpeg.insert(camera.jpeg.end() - 2, 3, 0x55);
  CHECK_EQUAL(other.run(other.frame(true)).status, LK_OK);
  camera.submit(camera.frame(true));
  lk_job after = camera.frame(true);
  after.tag = 7;
  camera.submit(after);
  const lk_completion first = place.wait(), second = place.wait();
  CHECK_EQUAL(first.status, LK_OK);
  CHECK_EQUAL(second.status, LK_OK);
  CHECK_EQUAL(second.tag, 7u);
  CHECK_EQUAL(place.counters().jpegs_refused, 1u);
  CHECK_EQUAL(place.counters().jpegs_on_cpu, 2u);
  CHECK_EQUAL(other.run(other.frame(true)).status, LK_OK);
  CHECK(camera.next == other.next && camera.errors == other.errors);
  // One that libjpeg does not take either, after the files that are its own.
  for (int i = 0; i < 16; ++i) CHECK_EQUAL(camera.run(camera.frame(true)).status, LK_OK);
  camera.jpeg = {even.begin(), even.begin() + long(even.size() * 2 / 3)};
  const lk_completion bad = camera.run(camera.frame(true));
  CHECK_EQUAL(bad.status, LK_BAD_FRAME);
  CHECK(std::strstr(bad.error, "Cannot decode the JPEG"));
  // And one that is cancelled on its way.
  fake_cuda::stop_answering();
  const int begun = fake_cuda::given();
  other.jpeg.insert(other.jpeg.end() - 2, 3, 0x55);
  other.submit(other.frame(true));
  CHECK(comes([&] { return fake_cuda::given() >= begun + 3; }));
  lk_sequence_cancel(other.sequence);
  CHECK_EQUAL(place.wait().status, LK_CANCELLED);
  fake_cuda::answer();
  CHECK_EQUAL(other.run(other.frame()).status, LK_ENGINE_FAILED);
}

void test_what_is_late() {
  Place place;
  Camera camera(place), detecting(place);
  camera.warm_up();
  detecting.warm_up();
  fake_cuda::stop_answering();
  camera.submit(camera.frame(), 30);
  CHECK_EQUAL(place.wait().status, LK_DEADLINE);
  detecting.submit(detecting.detection(), 30);
  CHECK_EQUAL(place.wait().status, LK_DEADLINE);
  fake_cuda::answer();
  CHECK_EQUAL(camera.run(camera.frame()).status, LK_ENGINE_FAILED);
  CHECK_EQUAL(place.counters().failed_devices, 0u);
}

void test_what_is_destroyed_on_its_way() {
  {
    Place place;
    for (int i = 0; i < 8; ++i) {
      Camera camera(place);
      camera.warm_up();
      camera.submit(i % 2 ? camera.frame(i % 4 == 1) : camera.detection());
      lk_sequence_destroy(camera.sequence);
      const int32_t status = place.wait().status;
      CHECK(status == LK_CANCELLED || status == LK_OK);
    }
    Camera camera(place);
    camera.warm_up();
    camera.submit(camera.frame());
    lk_queue_destroy(place.queue);
  }
  CHECK(comes([&] { return fake_cuda::held() == 0; }));
}

void test_failure() {
  Place place;
  Camera camera(place), fresh(place);
  camera.warm_up();
  fake_cuda::stop_answering();
  const int begun = fake_cuda::given();
  camera.submit(camera.frame());
  CHECK(comes([&] { return fake_cuda::given() >= begun + 3; }));
  fake_cuda::break_device();
  fake_cuda::answer();
  CHECK_EQUAL(place.wait().status, LK_ENGINE_FAILED);
  const lk_completion second = fresh.run(fresh.frame());
  CHECK_EQUAL(second.status, LK_ENGINE_FAILED);
  CHECK(std::strstr(second.error, "has failed"));
  CHECK_EQUAL(place.counters().failed_devices, 1u);
  fake_cuda::mend_device();
  CHECK_EQUAL(camera.run(camera.frame()).status, LK_ENGINE_FAILED);  // for good
}

// Of a new engine, once what was on a device that failed is gone.
bool works() {
  Place place;
  lk_sequence* sequence = nullptr;
  const int32_t status = lk_sequence_create(place.engine, LK_MAX_PIXELS, &sequence, nullptr, 0);
  lk_sequence_destroy(sequence);
  return status == LK_OK;
}

// Last, for what such a GPU may still use is never released.
void test_silence() {
  CHECK(comes(works));
  Place place;
  Camera camera(place), detecting(place), encoded(place), fresh(place);
  camera.warm_up();
  detecting.warm_up();
  encoded.warm_up();
  fake_cuda::stop_answering();
  camera.submit(camera.frame());
  detecting.submit(detecting.detection());
  encoded.submit(encoded.frame(true));
  for (int i = 0; i < 3; ++i) {
    const lk_completion c = place.wait();
    CHECK_EQUAL(c.status, LK_ENGINE_FAILED);
    CHECK(std::strstr(c.error, "does not answer"));
  }
  CHECK_EQUAL(place.counters().failed_devices, 1u);
  for (Camera* each : {&camera, &fresh}) {
    const lk_completion c = each->run(each->frame());
    CHECK_EQUAL(c.status, LK_ENGINE_FAILED);
    CHECK(std::strstr(c.error, "does not answer"));
  }
  lk_sequence* sequence = nullptr;
  char text[256] = "";
  CHECK_EQUAL(lk_sequence_create(place.engine, LK_MAX_PIXELS, &sequence, text, sizeof text),
              LK_ENGINE_FAILED);
  fake_cuda::answer();
  CHECK_EQUAL(camera.run(camera.frame()).status, LK_ENGINE_FAILED);  // for good
}

}  // namespace

int main() {
  test_what_is_taken_back(false);
  test_what_is_taken_back(true);
  test_frames_alike();
  test_what_starts_at_once();
  test_what_is_uneven();
  test_what_is_late();
  test_what_is_destroyed_on_its_way();
  test_failure();
  test_silence();
  return finish("fake_gpu_test");
}
