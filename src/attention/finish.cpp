#include "attention/finish.h"

#include "kernels/fuse.h"

namespace corepulse::attention {
namespace {

using kernels::Fused;
using Arrays = std::vector<mx::array>;

mx::array to_float(const mx::array& x) {
  return mx::astype(x, mx::float32);
}

/** |x|_1 of every pixel, over all heads: [1, N, 1]. */
mx::array norm(const mx::array& x) {
  static const Fused magnitude([](const Arrays& in) { return mx::abs(to_float(in[0])); });
  return mx::sum(magnitude({x}), -1, true);
}

}  // namespace

mx::array finished(const mx::array& z, const mx::array& n, const control::Finish& finish, RunCache& cache) {
  static const Fused guide([](const Arrays& in) {
    const auto own = to_float(in[0]);
    return mx::astype(own + in[2] * (own - to_float(in[1])), in[0].dtype());
  });
  // min(1, limit / r) without a division by a norm of 0.
  static const Fused shorten([](const Arrays& in) {
    const auto own = to_float(in[0]), most = in[5] * in[2];
    const auto factor = mx::where(mx::greater(in[3], most), most / in[3], mx::array(1.f));
    return mx::astype(own + in[4] * (factor * to_float(in[1]) - own), in[0].dtype());
  });
  const auto guided = guide({z, n, mx::array(finish.scale)});
  const auto share = mx::reshape(cache.upload(finish.share), {1, -1, 1});
  return shorten({z, guided, norm(z), norm(guided), share, mx::array(finish.limit)});
}

}  // namespace corepulse::attention
