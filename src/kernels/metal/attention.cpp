#include "kernels/metal/attention.h"

#include <algorithm>
#include <vector>

#include "mlx/fast.h"
#include "mlx/transforms.h"

namespace corepulse::kernels {
namespace {

using Mask = std::optional<mx::array>;

mx::array plain(const mx::array& q, const mx::array& k, const mx::array& v, float scale, const Mask& mask) {
  return mx::fast::scaled_dot_product_attention(q, k, v, scale, mask ? "array" : "", mask);
}

mx::array filled(const mx::array& x, int size) {
  return mx::pad(x, {3}, {0}, {size - x.shape(3)}, like(0, x));
}

/** Elements begin..end along the axis of queries. */
mx::array queries(const mx::array& x, int begin, int end) {
  auto from = mx::Shape(x.ndim(), 0), to = x.shape();
  from[2] = begin, to[2] = end;
  return mx::slice(x, from, to);
}

}  // namespace

int fused_head_size(int size, int queries) {
  // Of backend/metal/scaled_dot_product_attention.cpp, has_fused_kernel and use_fallback: more than 8 queries, and 192
  // and 256 go unfused.
  if (queries <= 8) return size;
  for (const int fused : {64, 72, 80, 96, 128})
    if (size <= fused) return fused;
  return size;
}

mx::array metal_attention(const mx::array& q, const mx::array& k, const mx::array& v, float scale, const Mask& mask,
                          size_t most_logits) {
  const int count = q.shape(2), size = q.shape(3), fused = fused_head_size(size, count);
  if (fused != size) {
    const auto y = plain(filled(q, fused), filled(k, fused), filled(v, fused), scale, mask);
    auto shape = y.shape();
    shape[3] = size;
    return mx::slice(y, mx::Shape(y.ndim(), 0), shape);
  }
  const size_t row = size_t(q.shape(0)) * q.shape(1) * k.shape(2);
  const bool unfused = size > 128;
  if (!unfused || row * count <= most_logits) return plain(q, k, v, scale, mask);
  const int most = static_cast<int>(std::max<size_t>(1, most_logits / row));
  std::vector<mx::array> pieces;
  for (int begin = 0; begin < count; begin += most) {
    const int end = std::min(count, begin + most);
    const auto piece = mask && mask->ndim() > 2 && mask->shape(2) > 1 ? Mask(queries(*mask, begin, end)) : mask;
    pieces.push_back(plain(queries(q, begin, end), k, v, scale, piece));
    mx::eval(pieces.back());  // else the logits of all pieces may be alive at once
  }
  return mx::concatenate(pieces, 2);
}

}  // namespace corepulse::kernels
