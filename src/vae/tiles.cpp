#include "vae/tiles.h"

#include <algorithm>
#include <vector>

#include "mlx/transforms.h"

#include "kernels/stop.h"

namespace corepulse::vae {
namespace {

/** x[from:to] along one axis. */
mx::array part(const mx::array& x, int axis, int from, int to) {
  mx::Shape start(x.ndim(), 0), stop = x.shape();
  start[axis] = from, stop[axis] = to;
  return mx::slice(x, start, stop);
}

/** `next` with its first `extent` pixels along the axis faded in over the last ones of `before`. */
mx::array blend(const mx::array& before, const mx::array& next, int extent, int axis) {
  extent = std::min({extent, before.shape(axis), next.shape(axis)});
  if (extent == 0) return next;
  mx::Shape shape(next.ndim(), 1);
  shape[axis] = extent;
  std::vector<float> weights(extent);
  for (int i = 0; i < extent; ++i) weights[i] = static_cast<float>(i) / static_cast<float>(extent);
  const auto rising = mx::astype(mx::array(weights.begin(), shape, mx::float32), next.dtype());
  const int end = before.shape(axis), length = next.shape(axis);
  const auto mixed =
      part(before, axis, end - extent, end) * (like(1, rising) - rising) + part(next, axis, 0, extent) * rising;
  return mx::concatenate({mixed, part(next, axis, extent, length)}, axis);
}

}  // namespace

mx::array tiled(const mx::array& x, int tile, Scale scale, const std::function<mx::array(const mx::array&)>& network) {
  const int stride = std::max(tile * 3 / 4, 1), overlap = (tile - stride) * scale.out, kept = stride * scale.out;
  const int height = x.shape(1), width = x.shape(2), step = stride * scale.in, size = tile * scale.in;
  std::vector<mx::array> rows, above;
  for (int top = 0; top < height; top += step) {
    std::vector<mx::array> line, row;
    for (int left = 0; left < width; left += step) {
      auto piece = network(part(part(x, 1, top, std::min(top + size, height)), 2, left, std::min(left + size, width)));
      if (!above.empty()) piece = blend(above[line.size()], piece, overlap, 1);
      if (!line.empty()) piece = blend(line.back(), piece, overlap, 2);
      mx::eval(piece);  // one tile's activations at a time
      kernels::check_stop();
      line.push_back(piece);
      row.push_back(part(part(piece, 1, 0, std::min(kept, piece.shape(1))), 2, 0, std::min(kept, piece.shape(2))));
    }
    rows.push_back(mx::concatenate(row, 2));
    above = std::move(line);
  }
  return mx::concatenate(rows, 1);
}

}  // namespace corepulse::vae
