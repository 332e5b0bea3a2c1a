#pragma once
// Memory for packed weights: aligned to a cache line, uninitialised, in large pages where the system gives them.

#include <cstddef>
#include <memory>
#include <new>
#ifdef __linux__
#include <sys/mman.h>
#endif

namespace corepulse::kernels {

/** n numbers. They are not set: whoever fills them first, on whatever thread, gets their pages. */
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

}  // namespace corepulse::kernels
