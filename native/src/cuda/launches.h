// What a stream is given for a frame, all at once.
//
// Mostly it is, to the last byte, what it was given for a frame before. Then it is made a
// graph, which the host starts with one call. Five kernels one by one take it four times as
// long, and longer the more threads start some at the same time.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

namespace lk::cuda {

class Launches {
 public:
  Launches() = default;
  Launches(const Launches&) = delete;
  ~Launches();

  // One more, after those before. `what` is all that `start` goes by. It is compared as
  // bytes: with padding it would never be the same, and no graph be made.
  template <class What>
  void add(void (*start)(const What&, cudaStream_t), const What& what) {
    static_assert(std::is_trivially_copyable_v<What> && alignof(What) <= alignof(Piece));
    append({[](Start any, const void* bytes, cudaStream_t stream) {
              reinterpret_cast<void (*)(const What&, cudaStream_t)>(any)(
                  *static_cast<const What*>(bytes), stream);
            },
            reinterpret_cast<Start>(start), 0},
           &what, sizeof what);
  }

  // Gives them to a stream, and there are none.
  void start(cudaStream_t);

  // There are none.
  void clear() { list_.clear(); }

 private:
  using Start = void (*)();
  struct Launch {
    void (*call)(Start, const void*, cudaStream_t);
    Start start;
    size_t at;  // where its value begins

    bool operator==(const Launch& o) const {
      return call == o.call && start == o.start && at == o.at;
    }
  };
  struct alignas(16) Piece {
    unsigned char bytes[16];
  };
  struct List {
    std::vector<Launch> launches;
    std::vector<Piece> values;  // after its end, one that does not fill its last piece has zeros

    bool operator==(const List& o) const {
      return launches == o.launches && values.size() == o.values.size() &&
             std::memcmp(values.data(), o.values.data(), values.size() * sizeof(Piece)) == 0;
    }
    void clear() { launches.clear(), values.clear(); }
    void start(cudaStream_t) const;
  };
  // One that was started; a graph from the second time on.
  struct Known {
    List list;
    cudaGraphExec_t graph = nullptr;
  };

  void append(Launch, const void* value, size_t bytes);
  static cudaGraphExec_t graph_of(const List&, cudaStream_t);

  List list_;
  // The two pyramids of a sequence change places, so every other frame is the same.
  Known known_[2];
  int latest_ = 0;
};

}  // namespace lk::cuda
