// DoRA: another difference, after which outputs (or inputs) get lengths of their own.

#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "adapters/kinds.h"
#include "adapters/product.h"
#include "kernels/parallel.h"

namespace corepulse::adapters {
namespace {

double square(const float* numbers, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += double{numbers[i]} * numbers[i];
  return sum;
}

/** Lengths of a matrix's rows [out], or of its columns [in], each with its kernel. */
std::vector<float> lengths(const float* numbers, int64_t out, int64_t in, int64_t kernel, bool of_outputs) {
  std::vector<double> squares(static_cast<size_t>(of_outputs ? out : in));
  if (of_outputs)
    kernels::parallel_ranges(out, 16, [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o)
        squares[static_cast<size_t>(o)] = square(numbers + o * in * kernel, in * kernel);
    });
  else
    for (int64_t o = 0; o < out; ++o)
      for (int64_t i = 0; i < in; ++i)
        squares[static_cast<size_t>(i)] += square(numbers + (o * in + i) * kernel, kernel);
  std::vector<float> result(squares.size());
  for (size_t i = 0; i < squares.size(); ++i)
    result[i] = static_cast<float>(std::sqrt(squares[i])) + std::numeric_limits<float>::epsilon();
  return result;
}

class DoraDelta : public Delta {
 public:
  DoraDelta(std::shared_ptr<const Delta> inner, const Stored& magnitude, bool of_outputs, Dora how, const Sizes& weight)
      : inner_(std::move(inner)),
        magnitude_(magnitude),
        of_outputs_(of_outputs),
        how_(how),
        out_(weight[0]),
        in_(weight[1]),
        kernel_(product_of(weight, 2)) {}

  mx::array difference(const mx::array& original, float strength) const override {
    auto result = inner_->difference(original, 1);
    float* const to = result.data<float>();
    const float* const from = original.data<float>();
    const size_t n = original.size();
    for (size_t i = 0; i < n; ++i) to[i] += from[i];
    const bool of_original = how_ == Dora::comfyui && of_outputs_;
    const auto length = lengths(of_original ? from : to, out_, in_, kernel_, of_outputs_);
    const auto magnitude = magnitude_.read();
    const bool lycoris = how_ == Dora::lycoris;
    kernels::parallel_ranges(out_, 16, [&](int64_t begin, int64_t end) {
      int64_t i = begin * in_ * kernel_;
      for (int64_t o = begin; o < end; ++o)
        for (int64_t c = 0; c < in_; ++c) {
          const auto place = static_cast<size_t>(of_outputs_ ? o : c);
          const float ratio = magnitude[place] / length[place];
          const float kept = lycoris ? strength * (ratio - 1) + 1 : strength * ratio, taken = lycoris ? 1 : strength;
          for (int64_t k = 0; k < kernel_; ++k, ++i) to[i] = kept * to[i] - taken * from[i];
        }
    });
    return result;
  }

 private:
  std::shared_ptr<const Delta> inner_;
  Stored magnitude_;
  bool of_outputs_;
  Dora how_;
  int64_t out_, in_, kernel_;
};

}  // namespace

DeltaPointer dora(Layer& layer, DeltaPointer inner, Dora how) {
  const auto out = layer.weight[0], in = layer.weight[1];
  // PEFT's are always outputs', though those of a convolution are [1, out, 1, 1].
  const bool peft = layer.has("magnitude");
  const auto& magnitude = layer.need(peft ? "magnitude" : "dora_scale");
  const auto& shape = magnitude.view.shape;
  const auto count = product_of(shape);
  const bool of_outputs = count == out && (peft || shape.empty() || shape[0] == out);
  if (!of_outputs && (peft || count != in || shape.size() < 2 || shape[1] != in))
    magnitude.refuse(fmt::format("is {}; expected one number for each output, or [1, in], of a layer of {}",
                                 shown(shape), shown(layer.weight)));
  return std::make_shared<DoraDelta>(std::move(inner), magnitude, of_outputs, how, layer.weight);
}

}  // namespace corepulse::adapters
