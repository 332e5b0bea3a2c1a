// Attention of your own: in one block every pixel looks at the eight pixels most like it, and at no others.
// Arrays are MLX's, so this program links corepulse::mlx, too.

#include <cmath>
#include <iostream>
#include <limits>

#include "corepulse/attention_function.h"
#include "corepulse/error.h"
#include "corepulse/pipeline.h"

#include "mlx/ops.h"

namespace mx = mlx::core;

namespace {

mx::array look_at_eight(const mx::array& q, const mx::array& k, const mx::array& v, const corepulse::AttentionSite&,
                        const corepulse::AttentionStep&) {
  const mx::array scale(1 / std::sqrt(float(q.shape(3))), q.dtype());
  const auto logits = mx::matmul(q * scale, mx::swapaxes(k, 2, 3));  // [rows, heads, pixels, pixels]
  const auto eighth = mx::min(mx::topk(logits, 8, -1), -1, true);
  const mx::array never(-std::numeric_limits<float>::infinity(), q.dtype());
  const auto seen = mx::where(mx::greater_equal(logits, eighth), logits, never);
  return mx::matmul(mx::softmax(seen, -1, true), v);
}

}  // namespace

int main() {
  corepulse::Request plain;
  plain.recipe.prompt = "a cat in a park";
  plain.recipe.seeds = {3};
  plain.recipe.steps = 4;
  auto own = plain;
  own.functions = {corepulse::replace_attention("output:1", look_at_eight, corepulse::AttentionKind::self)};
  try {
    const auto pipeline = corepulse::Pipeline::load({.model = "builtin"});
    const auto before = pipeline.generate(plain), after = pipeline.generate(own);
    corepulse::save_image(after.images[0], "eight.png", corepulse::image_text(after, 0));
    double apart = 0;
    for (size_t i = 0; i < after.images[0].pixels.size(); ++i)
      apart += std::abs(double(before.images[0].pixels[i]) - after.images[0].pixels[i]);
    std::cout << "eight.png is " << apart / double(after.images[0].pixels.size())
              << " of 255 away from the plain one\n";
    for (const auto& note : after.notes) std::cout << "note: " << note << '\n';
    return apart > 0 ? 0 : 1;
  } catch (const corepulse::Error& error) {
    std::cerr << error.what() << '\n';
    return corepulse::exit_status(error.code());
  }
}
