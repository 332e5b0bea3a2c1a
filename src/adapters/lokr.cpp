// LoKr: the Kronecker product of a small matrix and of a matrix or convolution, each maybe a product itself.

#include <fmt/format.h>

#include "adapters/kinds.h"
#include "adapters/product.h"

namespace corepulse::adapters {
namespace {

/** A factor: `whole`; or a [rows, rank] times b [rank, columns]; or, with a core [rank, rank, k, k], a [rank, rows] and
 * b [rank, columns]. */
struct KronFactor {
  std::optional<Stored> whole, a, b, core;
  int64_t rows = 0, columns = 0, kernel = 1;  ///< columns without the kernel

  std::vector<float> read() const {
    if (whole) return whole->read();
    const auto left = a->read(), right = b->read();
    const auto rank = static_cast<int64_t>(left.size()) / rows;
    if (!core) return multiply(left, right, rows, rank, columns * kernel);
    return tucker(core->read(), transposed(left, rank, rows), right, rows, columns, kernel);
  }
  int64_t rank() const { return b ? b->view.shape[0] : 0; }
};

class LokrDelta : public Delta {
 public:
  LokrDelta(KronFactor one, KronFactor two, float scale) : one_(std::move(one)), two_(std::move(two)), scale_(scale) {}

  mx::array difference(const mx::array& original, float strength) const override {
    const auto one = one_.read(), two = two_.read();
    auto result = fresh(original.shape());
    float* to = result.data<float>();
    const auto width = two_.columns * two_.kernel;
    for (int64_t i = 0; i < one_.rows; ++i)
      for (int64_t p = 0; p < two_.rows; ++p)
        for (int64_t j = 0; j < one_.columns; ++j) {
          const float factor = strength * scale_ * one[static_cast<size_t>(i * one_.columns + j)];
          for (int64_t q = 0; q < width; ++q) *to++ = factor * two[static_cast<size_t>(p * width + q)];
        }
    return result;
  }

 private:
  KronFactor one_, two_;
  float scale_;
};

/** The small factor: its sizes divide the layer's. */
KronFactor first(Layer& layer) {
  KronFactor factor;
  const Stored* shown_by = nullptr;
  if (layer.has("lokr_w1")) {
    shown_by = &layer.need("lokr_w1");
    const auto sizes = shown_by->sizes();
    if (sizes.size() != 2) shown_by->refuse(fmt::format("is {}; expected a matrix", shown(sizes)));
    factor.whole = *shown_by;
    factor.rows = sizes[0], factor.columns = sizes[1];
  } else {
    const auto& a = layer.need("lokr_w1_a");
    const auto sizes = a.sizes();
    if (sizes.size() != 2 || sizes[1] > kMostRank)
      a.refuse(fmt::format("is {}; expected a matrix of at most {} columns", shown(sizes), kMostRank));
    const auto& b = layer.need("lokr_w1_b", {sizes[1], 0});
    shown_by = &a;
    factor.a = a, factor.b = b;
    factor.rows = sizes[0], factor.columns = b.view.shape[1];
  }
  if (layer.weight[0] % factor.rows != 0 || layer.weight[1] % factor.columns != 0)
    shown_by->refuse(
        fmt::format("makes a factor of [{}, {}], which does not divide a layer of {}; the adapter was made "
                    "for another model",
                    factor.rows, factor.columns, shown(layer.weight)));
  return factor;
}

KronFactor second(Layer& layer, const KronFactor& one) {
  KronFactor factor;
  const Sizes kernel(layer.weight.begin() + 2, layer.weight.end());
  factor.rows = layer.weight[0] / one.rows, factor.columns = layer.weight[1] / one.columns;
  factor.kernel = product_of(kernel);
  const auto with_kernel = [&](Sizes sizes) {
    sizes.insert(sizes.end(), kernel.begin(), kernel.end());
    return sizes;
  };
  if (layer.has("lokr_w2")) {
    factor.whole = layer.need("lokr_w2", with_kernel({factor.rows, factor.columns}));
  } else if (layer.has("lokr_t2")) {
    factor.a = layer.need("lokr_w2_a", {0, factor.rows});
    factor.b = layer.need("lokr_w2_b", {0, factor.columns});
    factor.core = layer.need("lokr_t2", with_kernel({factor.a->view.shape[0], factor.b->view.shape[0]}));
  } else {
    factor.a = layer.need("lokr_w2_a", {factor.rows, 0});
    const auto rank = factor.a->view.shape[1];
    const bool flat = layer.has("lokr_w2_b") && layer.parts.at("lokr_w2_b").view.shape.size() == 2;
    factor.b = layer.need("lokr_w2_b",
                          flat ? Sizes{rank, factor.columns * factor.kernel} : with_kernel({rank, factor.columns}));
  }
  return factor;
}

}  // namespace

DeltaPointer lokr(Layer& layer) {
  auto one = first(layer);
  auto two = second(layer, one);
  const auto rank = one.rank() ? one.rank() : two.rank();
  // Of two whole factors LyCORIS leaves alpha out, whatever it says (1e10 often); PEFT does not.
  float scale = 1;
  if (rank || layer.peft)
    scale = layer.scale(rank ? rank : 1);
  else
    layer.take("alpha");
  return std::make_shared<LokrDelta>(std::move(one), std::move(two), scale);
}

}  // namespace corepulse::adapters
