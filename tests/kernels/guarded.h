#pragma once
// Memory whose neighbours may not be touched: a kernel that reads or writes past a buffer ends the test.

#include <cstddef>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "mlx/allocator.h"

#include "base/tensor.h"

namespace corepulse {

/** A copy of some numbers that ends where a page begins that nobody may read. */
class Guarded {
 public:
  explicit Guarded(const std::vector<float>& numbers) : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
    const size_t used = numbers.size() * sizeof(float);
    bytes_ = (used + page_ - 1) / page_ * page_ + 2 * page_;
    void* const memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    start_ = static_cast<char*>(memory);
    data_ = reinterpret_cast<float*>(start_ + bytes_ - page_ - used);
    for (size_t i = 0; i < numbers.size(); ++i) data_[i] = numbers[i];
    mprotect(start_, page_, PROT_NONE);
    mprotect(start_ + bytes_ - page_, page_, PROT_NONE);
  }
  ~Guarded() { munmap(start_, bytes_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  float* data() { return data_; }
  /** The numbers as an array that does not own them. */
  mx::array array(const mx::Shape& shape) {
    // MLX reads a buffer's size in the 8 bytes before its numbers: this array is guarded at its end only.
    mprotect(start_, page_, PROT_READ | PROT_WRITE);
    return mx::array(
        mx::allocator::Data(mx::allocator::Buffer(reinterpret_cast<char*>(data_) - 8), [](mx::allocator::Buffer) {}),
        shape, mx::float32);
  }

 private:
  size_t page_, bytes_ = 0;
  char* start_ = nullptr;
  float* data_ = nullptr;
};

}  // namespace corepulse
