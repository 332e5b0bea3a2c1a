#pragma once
// Sums whose additions wait for whoever makes them for nothing: a product or a convolution adds as it stores its
// result; on CUDA a norm adds as it reads.

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/tensor.h"
#include "kernels/options.h"

namespace corepulse::kernels {

/** The same for every pixel of a batch row: [B, C], as a resnet's time embedding. */
struct Row {
  mx::array numbers;
};

/** What is added to a product or a convolution as it is stored. */
struct Addends {
  std::optional<mx::array> row;       ///< [B, C], the same for every pixel of a batch row.
  std::optional<mx::array> residual;  ///< Of the result's shape.
  bool biased = false;                ///< The residual holds the term's bias already: on CUDA alone.
};

/** A product or a convolution that is not computed yet. */
struct Term {
  std::function<mx::array(const Addends&)> make;
  /** On CUDA, if a bias costs a pass of its own: the result without it, and the bias [C] in the result's type. */
  std::function<mx::array()> bare = {};
  std::optional<mx::array> bias = {};
  const void* id = nullptr;  ///< Of the product whose bias make() leaves out where the residual holds it: Linear::id().
  bool takes_row = false;    ///< make() adds a row, too.
};

/**
 * An array, or a term and what is to be added to it: made at most once, when somebody asks for it as an array. Copies
 * share what is made.
 */
class Sum {
 public:
  Sum(mx::array x);  // NOLINT: an array is a sum of one
  explicit Sum(Term term);

  /** Feature maps and sums with a residual are computed at once on the CPU where they are large: settle(). */
  mx::array array() const;
  operator mx::array() const { return array(); }

  friend Sum operator+(const Sum& a, const Sum& b);
  friend Sum operator+(const mx::array& a, const Sum& b) { return Sum(a) + b; }
  friend Sum operator+(const Sum& a, const mx::array& b) { return a + Sum(b); }
  friend Sum operator+(const Sum& a, const Row& row);

  /** This sum's term, changed by `after` as soon as it is made: with what is added to it already, and what will be. */
  Sum then(const std::function<mx::array(const mx::array& made)>& after) const;

  // For norms, which on CUDA add as they read. Elsewhere, and once the sum is made, it is one array.

  /** A residual and what it is to be added to; nothing if the sum is one array. */
  std::optional<std::pair<mx::array, mx::array>> two() const;
  /** What two() gave, added up. */
  void made(mx::array sum) const;
  /** The same, and the bias of the term that is known to be added next: read by that term's sum alone. Whoever asks for
   * the sum as an array lets it be computed without. */
  void made_ahead(mx::array sum, const void* id) const;
  /** A convolution without its bias, and what it lacks. */
  Parts parts() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/** x + row + bias + residual, in one pass over memory on a GPU. */
mx::array add_up(const Parts& parts, const std::optional<mx::array>& residual = {});

}  // namespace corepulse::kernels
