#include "attention/finish.h"

namespace corepulse::attention {
namespace {

/** |x|_1 of every pixel, over all heads: [1, N, 1]. */
mx::array norm(const mx::array& x) {
  return mx::sum(mx::abs(x), -1, true);
}

}  // namespace

mx::array finished(const mx::array& z_, const mx::array& n_, const control::Finish& finish, RunCache& cache) {
  const auto z = mx::astype(z_, mx::float32), n = mx::astype(n_, mx::float32);
  const auto guided = z + mx::array(finish.scale) * (z - n);
  // min(1, limit / r) without a division by a norm of 0.
  const auto most = mx::array(finish.limit) * norm(z), length = norm(guided);
  const auto factor = mx::where(mx::greater(length, most), most / length, mx::array(1.f));
  const auto share = mx::reshape(cache.upload(finish.share), {1, -1, 1});
  return mx::astype(z + share * (factor * guided - z), z_.dtype());
}

}  // namespace corepulse::attention
