#pragma once
// What a blur makes of queries, in plain loops.

#include "control/readings/blur.h"
#include "layer.h"

namespace corepulse::test {

/** down . q . across^T by channel, the rows of q as a grid; where all ask the same, once for every row of q. */
inline Matrix blurred(const Matrix& q, const control::BlurMatrices& blur) {
  const int height = static_cast<int>(blur.down.size()) / blur.down_rows;
  const int width = static_cast<int>(blur.across.size()) / blur.across_rows;
  Matrix out(q.rows, q.columns);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int i = 0; i < height; ++i)
        for (int j = 0; j < width; ++j)
          for (int c = 0; c < q.columns; ++c)
            out(y * width + x, c) += blur.down[(blur.down_rows == 1 ? 0 : y) * height + i] *
                                     blur.across[(blur.across_rows == 1 ? 0 : x) * width + j] * q(i * width + j, c);
  return out;
}

}  // namespace corepulse::test
