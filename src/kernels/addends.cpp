#include "kernels/addends.h"

#include "kernels/fuse.h"

namespace corepulse::kernels {

mx::array finished(mx::array x, const Addends& left, const std::optional<mx::array>& picture) {
  static const Fused all([](const std::vector<mx::array>& in) {
    auto total = in[0];
    for (size_t i = 1; i < in.size(); ++i) total = total + in[i];
    return total;
  });
  std::vector<mx::array> in{std::move(x)};
  if (left.channel) in.push_back(*left.channel);
  if (left.row) {
    mx::Shape shape(in[0].ndim(), 1);
    shape.front() = left.row->shape(0), shape.back() = left.row->shape(1);
    in.push_back(mx::reshape(*left.row, shape));
  }
  if (picture) in.push_back(*picture);
  return in.size() > 1 ? all(in) : in[0];
}

}  // namespace corepulse::kernels
