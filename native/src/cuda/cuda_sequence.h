// A sequence on a GPU: two pyramids in device memory that change places.
#pragma once

#include <memory>

#include "../engine.h"
#include "device.h"

namespace lk::cuda {

std::unique_ptr<Sequence> open_sequence(std::shared_ptr<Device>, std::shared_ptr<Counters>,
                                        uint32_t max_pixels);

}  // namespace lk::cuda
