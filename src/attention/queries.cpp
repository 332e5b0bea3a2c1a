#include "attention/queries.h"

#include <algorithm>

#include "attention/keys.h"

namespace corepulse::attention {
namespace {

int asking_row(const control::Reading& reading, const control::Step& step, int row) {
  return reading.query ? row_of(*reading.query, step, row) : row;
}

/** A linear map of the tokens as a grid: down . q . across^T in every channel. */
mx::array blurred(const mx::array& q, const control::Blur& blur, RunCache& cache) {
  const auto matrix = [&](const control::Values& values, int rows) {
    return mx::reshape(cache.upload(values), {rows, -1});
  };
  const auto down = matrix(blur.down, blur.down_rows), across = matrix(blur.across, blur.across_rows);
  const int height = down.shape(1), width = across.shape(1), channels = q.shape(2);
  auto x = mx::reshape(mx::astype(q, mx::float32), {height, width * channels});
  x = mx::reshape(mx::matmul(down, x), {blur.down_rows, width, channels});
  x = mx::matmul(across, x);  // [h', w', C]
  return mx::astype(mx::reshape(x, {1, blur.down_rows * blur.across_rows, channels}), q.dtype());
}

}  // namespace

mx::array queries_of_rows(const mx::array& q, const std::vector<std::vector<control::Reading>>& rows,
                          const std::vector<int>& places, const control::Step& step) {
  std::vector<int> asking;
  for (const int place : places) asking.push_back(asking_row(rows[static_cast<size_t>(place)][0], step, place));
  const bool own = asking == places && places.size() == rows.size();
  return own ? q : rows_of(q, asking);
}

mx::array queries_of(const mx::array& q, const control::Reading& reading, int row, const Pass& pass,
                     const std::optional<mx::array>& recorded) {
  const bool of_recording = reading.query && reading.query->kind == control::Source::Kind::recording;
  auto own = of_recording ? recorded.value() : row_of(q, asking_row(reading, pass.step, row));
  if (reading.align) own = aligned(own, recorded ? *recorded : row_of(q, row_of(*reading.align, pass.step, row)));
  return reading.blur ? blurred(own, *reading.blur, pass.cache) : own;
}

}  // namespace corepulse::attention
