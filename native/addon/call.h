// One call of the library off the main thread, as a promise.
#pragma once

#include <napi.h>

#include <new>
#include <optional>
#include <utility>

#include "abort.h"
#include "errors.h"
#include "lkstream.h"

namespace addon {

// A Task holds what its call needs and has
//   Outcome run()                  on a thread of the pool: no JavaScript there
//   Napi::Value result(Napi::Env)  on the main thread, where run gave LK_OK
template <class Task>
class Call final : public Napi::AsyncWorker {
 public:
  Call(Napi::Env env, Napi::Promise::Deferred deferred, Task task, Abort abort)
      : AsyncWorker(env, "lkstream"),
        deferred_(deferred),
        task_(std::move(task)),
        abort_(std::move(abort)) {}

 protected:
  void Execute() override {
    try {
      outcome_ = task_->run();
    } catch (const std::bad_alloc&) {
      outcome_ = {LK_OUT_OF_MEMORY, "Cannot go on: no memory is left"};
    }
  }

  void OnOK() override {
    try {
      abort_.forget();
      if (abort_.is_aborted()) throw Napi::Error(Env(), abort_.reason());
      if (outcome_.status != LK_OK) throw error(Env(), outcome_);
      const Napi::Value result = task_->result(Env());
      task_.reset();
      deferred_.Resolve(result);
    } catch (const Napi::Error& failure) {
      task_.reset();  // lets buffers and sequence go before anybody hears of it
      deferred_.Reject(failure.Value());
    }
  }

 private:
  Napi::Promise::Deferred deferred_;
  std::optional<Task> task_;
  Abort abort_;
  Outcome outcome_{};
};

// Starts the task that `make` returns. What `make` throws rejects the promise. It is
// given an Abort, to fill in.
template <class Make>
Napi::Value promised(Napi::Env env, const Make& make) {
  const auto deferred = Napi::Promise::Deferred::New(env);
  Abort abort;
  try {
    auto task = make(abort);
    (new Call(env, deferred, std::move(task), std::move(abort)))->Queue();
  } catch (const Napi::Error& failure) {
    abort.forget();
    deferred.Reject(failure.Value());
  }
  return deferred.Promise();
}

}  // namespace addon
