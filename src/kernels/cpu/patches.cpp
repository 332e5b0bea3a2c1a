#include "kernels/cpu/patches.h"

#include <algorithm>

#include "kernels/cpu/product.h"
#include "kernels/memory.h"
#include "kernels/parallel.h"

namespace corepulse::kernels {
namespace {

// What the result's pixel `index` sees, zeros beyond the picture.
void copy_patch(const PatchShape& s, const ConvGeometry& g, const float* x, int64_t index, float* to) {
  const int64_t column = index % s.columns, row = index / s.columns % s.rows, picture = index / s.columns / s.rows;
  const int64_t top = row * g.stride - g.padding.top, left = column * g.stride - g.padding.left;
  for (int64_t i = top; i < top + g.kh; ++i)
    for (int64_t j = left; j < left + g.kw; ++j) {
      const bool inside = i >= 0 && i < s.height && j >= 0 && j < s.width;
      to = inside ? std::copy_n(x + ((picture * s.height + i) * s.width + j) * s.in, s.in, to)
                  : std::fill_n(to, s.in, 0.0f);
    }
}

}  // namespace

void run_patches(const PatchShape& s, const ConvGeometry& g, const float* x, const PackedMatrix& w, float* y) {
  if (g.pointwise()) return run_product(x, s.pixels(), w, nullptr, y);
  constexpr int64_t kNumbers = int64_t{1} << 22;  // in memory together
  const int64_t most = std::clamp<int64_t>(kNumbers / w.in, 1, std::max<int64_t>(s.pixels(), 1));
  const Aligned<float> patches(static_cast<size_t>(most * w.in));
  for (int64_t first = 0; first < s.pixels(); first += most) {
    const int64_t count = std::min(most, s.pixels() - first);
    parallel_ranges(count, 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) copy_patch(s, g, x, first + i, patches.data() + i * w.in);
    });
    run_product(patches.data(), count, w, nullptr, y + first * w.out);
  }
}

}  // namespace corepulse::kernels
