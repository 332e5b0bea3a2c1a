// Controls hold no attention as a matrix: their memory grows with the pixels, not with pixels times keys.
#include "mlx/memory.h"

#include <doctest/doctest.h>

#include "mlx/transforms.h"

#include "control/support.h"
#include "layer.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

constexpr int kSide = 64, kPixels = kSide * kSide, kChannels = 64, kHeads = 8, kContext = 16, kTokens = 77;

control::Site site(bool cross) {
  control::Site s;
  s.index = cross, s.kind = control::BlockKind::middle, s.cross = cross, s.heads = kHeads;
  s.path = std::string("mid_block.attentions.0.transformer_blocks.0.attn") + (cross ? "2" : "1");
  return s;
}

/** The most bytes that one call of the layer holds at a time. */
size_t peak(const std::vector<Control>& controls, bool cross) {
  const auto inputs = control::test::run_of({site(false), site(true)}, "a cat in a park", kSide * 8, kSide * 8);
  const auto program = control::Program::resolve(controls, inputs);
  const auto step = control::test::with_rows(inputs.calls[3]);
  const Layer layer(site(cross), LayerWeights(kChannels, cross ? kContext : kChannels, 3));
  std::mt19937 random(4);
  const auto picture = random_matrix(kPixels, kChannels, 1, random);
  const std::vector<mx::array> texts(program.texts().size(), to_array({random_matrix(kTokens, kContext, 1, random)}));
  const auto x = to_array({picture, picture});
  attention::RunCache cache;
  mx::eval(x, texts.front());
  mx::clear_cache();
  mx::reset_peak_memory();
  const auto before = mx::get_active_memory();
  mx::eval(layer.call(x, {program, step, texts, cache}));
  return mx::get_peak_memory() - before;
}

}  // namespace

TEST_CASE("no control holds pixels x keys: at most a few arrays of pixels x channels beyond the plain layer") {
  const size_t array = size_t{kPixels} * kChannels * sizeof(float);
  // One head's logits to the picture are 64 such arrays, all heads' to the text nearly 10.
  const size_t limit = 6 * array;
  static_assert(size_t{kPixels} * kTokens * kHeads > 9 * size_t{kPixels} * kChannels);
  const auto soft = [](double x) { return rectangle(x, 0, 0.4, 1).feather(0.2); };
  const std::vector<Control> to_text{
      inject("a dragon"),
      inject("a dragon").strength(0.5),
      reweight("cat", 2),
      mask_tokens("cat"),
      value_gain("cat", 2),
      replace_tokens("cat", "dog"),
      temperature(0.5, AttentionKind::cross),
      regions({{"a dragon", soft(0)}, {"a dog", soft(0.3)}, {"a boat", soft(0.6)}}),
      regions({{"a dragon", rectangle(0, 0, 0.5, 1)}, {"a dog", rectangle(0.5, 0, 1, 1)}})};
  const std::vector<Control> to_picture{attend(rectangle(0, 0, 0.5, 1), 3).within(soft(0.5)), temperature(0.5),
                                        smooth(0.5), attend(soft(0), 0)};
  for (const bool cross : {true, false}) {
    const auto plain = peak({}, cross);
    CAPTURE(cross);
    for (const auto& control : cross ? to_text : to_picture) {
      const auto controlled = peak({control}, cross);
      const std::string kind = kind_name(control.effect);
      CAPTURE(kind);
      CAPTURE(double(controlled) / array);
      CAPTURE(double(plain) / array);
      CHECK(controlled <= plain + limit);
    }
  }
}
