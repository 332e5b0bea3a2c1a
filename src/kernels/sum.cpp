#include "kernels/sum.h"

#include <vector>

#include "kernels/activation.h"
#include "kernels/device.h"
#include "kernels/fuse.h"
#include "kernels/settle.h"

namespace corepulse::kernels {
namespace {

/** A row [B, C] as [B, 1, ..., C], which is added to x [B, ..., C]. */
mx::array at_pixels(const mx::array& row, const mx::array& x) {
  mx::Shape shape(x.ndim(), 1);
  shape.front() = row.shape(0), shape.back() = row.shape(1);
  return mx::reshape(row, shape);
}

}  // namespace

struct Sum::State {
  std::optional<Term> term;  ///< Nothing: `made` is all.
  Addends added;
  std::optional<mx::array> made;
  std::optional<mx::array> bare;   ///< What term->bare() gave.
  std::optional<mx::array> ahead;  ///< The sum, and the bias of the term `ahead_of`.
  const void* ahead_of = nullptr;

  bool waits() const { return term && !made; }
};

Sum::Sum(mx::array x) : state_(std::make_shared<State>()) {
  state_->made = std::move(x);
}

Sum::Sum(Term term) : state_(std::make_shared<State>()) {
  state_->term = std::move(term);
}

mx::array Sum::array() const {
  auto& s = *state_;
  if (s.made) return *s.made;
  const bool large = s.added.residual || s.term->takes_row;  // not what is on its way into attention
  auto sum = s.bare ? add_up({*s.bare, s.added.row, s.term->bias}, s.added.residual) : s.term->make(s.added);
  made(large ? settle(std::move(sum)) : std::move(sum));
  return *s.made;
}

Sum operator+(const Sum& a, const Sum& b) {
  const auto takes = [](const Sum& sum) { return sum.state_->waits() && !sum.state_->added.residual; };
  if (!takes(a) && !takes(b)) return Sum(kernels::add(a.array(), b.array()));
  const auto& [term, other] = takes(b) ? std::pair(b, a) : std::pair(a, b);
  Sum sum(*term.state_->term);
  sum.state_->bare = term.state_->bare;
  auto& added = sum.state_->added;
  added = term.state_->added;
  added.biased = other.state_->ahead && other.state_->ahead_of == term.state_->term->id;
  added.residual = added.biased ? *other.state_->ahead : other.array();
  return sum;
}

Sum operator+(const Sum& a, const Row& row) {
  if (!a.state_->waits() || !a.state_->term->takes_row || a.state_->added.row) {
    const auto whole = a.array();
    return Sum(kernels::add(whole, at_pixels(row.numbers, whole)));
  }
  Sum sum(*a.state_->term);
  sum.state_->bare = a.state_->bare;
  sum.state_->added = a.state_->added;
  sum.state_->added.row = row.numbers;
  return sum;
}

Sum Sum::then(const std::function<mx::array(const mx::array& made)>& after) const {
  const auto& s = *state_;
  if (!s.waits() || s.added.residual) return Sum(after(array()));
  Sum sum(Term{.make = [make = s.term->make, after](const Addends& added) { return after(make(added)); },
               .id = s.term->id,
               .takes_row = s.term->takes_row});
  sum.state_->added = s.added;
  return sum;
}

std::optional<std::pair<mx::array, mx::array>> Sum::two() const {
  const auto& s = *state_;
  if (!on_cuda() || !s.waits() || !s.added.residual || s.added.biased || s.added.row || s.term->bare) return {};
  return std::pair(*s.added.residual, s.term->make({}));
}

void Sum::made(mx::array sum) const {
  State done;  // what it was made of is no longer kept in memory
  done.made = std::move(sum);
  *state_ = std::move(done);
}

void Sum::made_ahead(mx::array sum, const void* id) const {
  state_->ahead = std::move(sum);
  state_->ahead_of = id;
}

Parts Sum::parts() const {
  auto& s = *state_;
  if (!s.waits() || s.added.residual || !s.term->bare) return {array(), {}, {}};
  if (!s.bare) s.bare = s.term->bare();
  return {*s.bare, s.added.row, s.term->bias};
}

mx::array add_up(const Parts& parts, const std::optional<mx::array>& residual) {
  static const Fused all([](const std::vector<mx::array>& in) {
    auto total = in[0];
    for (size_t i = 1; i < in.size(); ++i) total = total + in[i];
    return total;
  });
  std::vector<mx::array> in{parts.x};
  if (parts.bias) in.push_back(*parts.bias);
  if (parts.row) in.push_back(at_pixels(*parts.row, parts.x));
  if (residual) in.push_back(*residual);
  return in.size() > 1 ? all(in) : in[0];
}

}  // namespace corepulse::kernels
