// An AbortSignal, and what it ends.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>

namespace addon {

// All of it on the main thread.
class Abort {
 public:
  // None.
  Abort() = default;

  // Listens to a signal; undefined: to none. Runs JavaScript, as all reading of
  // options does, and throws where the signal is none, or its reason if it is aborted.
  explicit Abort(Napi::Value signal);
  Abort(Abort&&) = default;
  Abort& operator=(Abort&&) = default;

  // What an abort is to do from now on.
  void on_abort(std::function<void()> cancel);

  bool is_aborted() const { return state_ && state_->aborted; }
  Napi::Value reason() const;

  // Listens no more.
  void forget();

 private:
  struct State {
    bool aborted = false;
    std::function<void()> cancel;
  };

  std::shared_ptr<State> state_;
  Napi::ObjectReference signal_;
  Napi::FunctionReference listener_;
};

}  // namespace addon
