#pragma once
// Memory aligned to a cache line, uninitialised: for packed weights, and for a kernel while it runs.

#include <cstddef>
#include <memory>
#include <new>
#ifdef __linux__
#include <sys/mman.h>
#endif

namespace corepulse::kernels {

/** n numbers, in large pages where the system gives them. They are not set: whoever fills them first, on whatever
 * thread, gets their pages. */
template <class T>
class Aligned {
 public:
  explicit Aligned(size_t n) {
    const size_t bytes = n * sizeof(T), alignment = bytes < kLargePage ? kLine : kLargePage;
    data_ = {static_cast<T*>(::operator new[](bytes, std::align_val_t(alignment))), Free{alignment}};
#ifdef __linux__
    // A hundred times fewer page faults; where there are no large pages nothing happens.
    if (bytes >= kLargePage) ::madvise(data_.get(), bytes / kLargePage * kLargePage, MADV_HUGEPAGE);
#endif
  }
  T* data() const { return data_.get(); }

 private:
  static constexpr size_t kLine = 64, kLargePage = size_t{2} << 20;
  struct Free {
    size_t alignment = kLine;
    void operator()(T* p) const { ::operator delete[](p, std::align_val_t(alignment)); }
  };
  std::unique_ptr<T[], Free> data_;
};

/** 64-byte aligned memory of the calling thread, valid until its next call. A kernel asks once, on its own thread. */
inline float* scratch(size_t bytes) {
  struct Free {
    void operator()(float* p) const { ::operator delete[](p, std::align_val_t(64)); }
  };
  thread_local std::unique_ptr<float, Free> memory;
  thread_local size_t capacity = 0;
  if (bytes > capacity) {
    memory.reset();
    capacity = 0;
    memory.reset(static_cast<float*>(::operator new[](bytes, std::align_val_t(64))));
    capacity = bytes;
  }
  return memory.get();
}

}  // namespace corepulse::kernels
