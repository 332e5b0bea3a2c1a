#include "nn/branches.h"

#include <algorithm>
#include <span>

#include "mlx/ops.h"

#include "kernels/activation.h"
#include "kernels/device.h"
#include "kernels/fuse.h"

namespace corepulse::nn {
namespace {

using kernels::LazyArray, kernels::Sum;

int pixels_of(const mx::array& x) {
  return static_cast<int>(x.size()) / (x.shape(0) * x.shape(-1));
}

/** A number for each pixel of y [B, ..., C], or one for all, in y's type. */
mx::array at_pixels(const mx::array& share, const mx::array& y) {
  auto shape = y.shape();
  shape.front() = shape.back() = 1;
  if (share.size() == 1) std::fill(shape.begin(), shape.end(), 1);
  return mx::astype(mx::reshape(share, shape), y.dtype());
}

}  // namespace

const BranchNumbers& LayerBranch::numbers() {
  if (read_) numbers_ = read_();
  read_ = nullptr;
  return numbers_;
}

std::optional<kernels::Thin> LayerBranch::thin(mx::Dtype dtype, const mx::array& share) {
  if (!thin_ && numbers().first && numbers().up) {
    const auto& [first, up, bias] = numbers();
    const auto down = mx::reshape(*first, {first->shape(0), first->shape(1)});
    thin_.emplace(kernels::thin_matrices(mx::astype(down, dtype), mx::astype(*up, dtype)));
    numbers_.first.reset(), numbers_.up.reset();  // a layer is a product or a convolution, never both
  }
  if (!thin_) return {};
  return kernels::Thin{thin_->first, thin_->second, share};
}

std::optional<kernels::Thin> LayerBranch::joined(const std::vector<std::shared_ptr<LayerBranch>>& layers,
                                                 mx::Dtype dtype, const mx::array& share) {
  if (!joined_) {
    kernels::Thins parts;
    for (const auto& layer : layers)
      if (auto part = layer->thin(dtype, share); part && !layer->has_rest()) parts.push_back(*std::move(part));
    if (parts.size() == layers.size()) joined_ = kernels::joined_thin(parts);
  }
  if (!joined_) return {};
  return kernels::Thin{joined_->first, joined_->second, share};
}

const kernels::Linear& LayerBranch::linear(mx::Dtype dtype) {
  if (!linear_) {
    const auto& first = *numbers().first;
    linear_.emplace(LazyArray(mx::astype(mx::reshape(first, {first.shape(0), first.shape(1)}), dtype)), std::nullopt);
    numbers_.first.reset();
  }
  return *linear_;
}

bool LayerBranch::has_rest() {
  const auto& [first, up, bias] = numbers();
  return linear_ || (first && !up) || bias;
}

mx::array LayerBranch::rest(const mx::array& y, const mx::array& x, const mx::array& share) {
  const bool whole = linear_ || (numbers().first && !numbers().up);
  return joined(y, whole ? std::optional(linear(x.dtype())(x)) : std::nullopt, share);
}

const kernels::Conv2d& LayerBranch::convolution(const kernels::Conv2d& layer, mx::Dtype dtype) {
  if (!convolution_) {
    auto first = *numbers().first;
    if (first.ndim() == 2) first = mx::reshape(first, {first.shape(0), first.shape(1), 1, 1});
    convolution_.emplace(layer.like(LazyArray(mx::astype(mx::transpose(first, {0, 2, 3, 1}), dtype))));
    numbers_.first.reset();
  }
  return *convolution_;
}

mx::array LayerBranch::joined(const mx::array& y, const std::optional<mx::array>& made, const mx::array& share) {
  auto sum = y;
  if (made && !up_ && numbers().up) {
    up_.emplace(LazyArray(mx::astype(*numbers().up, y.dtype())), std::nullopt);
    numbers_.up.reset();
  }
  if (made && up_) {
    sum = (*up_)(*made * at_pixels(share, *made), sum);
  } else if (made) {
    sum = sum + *made * at_pixels(share, *made);
  }
  if (const auto& bias = numbers().bias) sum = sum + mx::astype(*bias, y.dtype()) * at_pixels(share, y);
  return sum;
}

mx::array LayerBranch::convolved(const mx::array& y, const mx::array& x, const mx::array& share,
                                 const kernels::Conv2d& layer) {
  return joined(y, convolution_ || numbers().first ? std::optional(convolution(layer, x.dtype())(x)) : std::nullopt,
                share);
}

mx::array LayerBranch::upsampled(const mx::array& y, const mx::array& x, const mx::array& share,
                                 const kernels::Conv2d& layer) {
  const auto made = [&] { return convolution(layer, x.dtype()).upsampled(x, y.shape(1), y.shape(2)); };
  return joined(y, convolution_ || numbers().first ? std::optional(made()) : std::nullopt, share);
}

std::pair<mx::array, mx::array> LayerBranch::norm() {
  const auto& [first, up, bias] = numbers();
  const auto like = first ? *first : *bias;
  return {first ? *first : mx::zeros_like(like), bias ? *bias : mx::zeros_like(like)};
}

std::vector<Branches::Acting> Branches::acting(const std::string& layer, int pixels) const {
  std::vector<Acting> all;
  for (const auto& change : changes_) {
    const auto share = change.share.find(pixels);
    const auto branch = change.layers->find(layer);
    if (share != change.share.end() && branch != change.layers->end()) all.push_back({branch->second, share->second});
  }
  return all;
}

std::vector<Branches::Acting> Branches::acting(const std::string& layer, const std::vector<int>& ids) const {
  std::vector<Acting> all;
  for (const int id : ids)
    for (const auto& change : changes_)
      if (const auto branch = change.layers->find(layer); change.id == id && branch != change.layers->end())
        all.push_back({branch->second, change.strength});
  return all;
}

kernels::Thins Branches::thins(const std::vector<Acting>& all, mx::Dtype dtype) {
  kernels::Thins thins;
  for (const auto& [branch, share] : all)
    if (auto thin = branch->thin(dtype, share)) thins.push_back(*std::move(thin));
  return thins;
}

mx::array Branches::with_rest(const std::vector<Acting>& all, const mx::array& x, mx::array y) {
  for (const auto& [branch, share] : all)
    if (branch->has_rest()) y = branch->rest(y, x, share);
  return y;
}

mx::array Branches::with_all(const std::vector<Acting>& all, const mx::array& x, mx::array y) {
  return with_rest(all, x, kernels::add_thin(thins(all, x.dtype()), x, y));
}

Sum Branches::sum(const std::vector<Acting>& all, const mx::array& x, const kernels::Linear& own) {
  auto y = own.later(x, thins(all, x.dtype()));
  const bool more = std::any_of(all.begin(), all.end(), [](const Acting& one) { return one.branch->has_rest(); });
  return more ? y.then([=](const mx::array& made) { return with_rest(all, x, made); }) : y;
}

std::vector<mx::array> Branches::numbers() const {
  std::vector<mx::array> all;
  for (const auto& change : changes_) {
    all.push_back(change.strength);
    for (const auto& [pixels, share] : change.share) all.push_back(share);
  }
  return all;
}

Branches Branches::with(const std::vector<mx::array>& numbers, mx::Dtype dtype) const {
  auto other = *this;
  auto next = numbers.begin();
  const auto take = [&] { return kernels::on_cuda() ? mx::astype(*next++, dtype) : *next++; };
  for (auto& change : other.changes_) {
    change.strength = take();
    for (auto& [pixels, share] : change.share) share = take();
  }
  return other;
}

bool Branches::same_form(const Branches& other) const {
  const auto same_grid = [](const auto& a, const auto& b) { return a.first == b.first; };
  return std::equal(changes_.begin(), changes_.end(), other.changes_.begin(), other.changes_.end(),
                    [&](const Change& a, const Change& b) {
                      return a.id == b.id && a.layers == b.layers &&
                             std::equal(a.share.begin(), a.share.end(), b.share.begin(), b.share.end(), same_grid);
                    });
}

bool Branches::holds(const std::string& layer) const {
  return std::any_of(changes_.begin(), changes_.end(), [&](const Change& c) { return c.layers->contains(layer); });
}

Sum Branches::linear(const std::string& layer, const mx::array& x, const kernels::Linear& own) const {
  return sum(acting(layer, pixels_of(x)), x, own);
}

mx::array Branches::added(const std::string& layer, const mx::array& x, mx::array y) const {
  return with_all(acting(layer, pixels_of(x)), x, std::move(y));
}

Branches::List Branches::of(const Change& change, const std::vector<std::string>& layers) {
  List branches;
  for (const auto& layer : layers)
    if (const auto branch = change.layers->find(layer); branch != change.layers->end())
      branches.push_back(branch->second);
  return branches;
}

std::optional<std::vector<mx::array>> Branches::joined(const std::vector<std::string>& layers, const mx::array& x,
                                                       const kernels::JoinedLinear& own,
                                                       const std::vector<int>& ids) const {
  kernels::Thins thins;
  for (const auto& change : changes_) {
    const auto share = change.share.find(pixels_of(x));
    const bool listed = std::find(ids.begin(), ids.end(), change.id) != ids.end();
    const auto branches = of(change, layers);
    if (branches.empty() || (share == change.share.end() && !listed)) continue;
    const bool whole = share != change.share.end() && share->second.size() == 1;
    if (branches.size() < layers.size() || !whole || !listed) return {};
    auto thin = branches.front()->joined(branches, x.dtype(), share->second);
    if (!thin) return {};
    thins.push_back(*std::move(thin));
  }
  return own.at_once(x, thins);
}

std::optional<std::vector<mx::array>> Branches::joined(const std::vector<std::string>& layers, const mx::array& x,
                                                       const kernels::JoinedLinear& own) const {
  kernels::Thins thins;
  for (const auto& change : changes_) {
    const auto branches = of(change, layers);
    if (branches.empty()) continue;
    const bool whole = !change.share.empty() && std::all_of(change.share.begin(), change.share.end(),
                                                            [](const auto& share) { return share.second.size() == 1; });
    if (branches.size() < layers.size() || !whole) return {};
    int ranks = 0;
    for (const auto& branch : branches)
      if (const auto one = branch->thin(x.dtype(), change.strength)) ranks += one->down.out();
    if (ranks > kMostRanks) return {};
    auto thin = branches.front()->joined(branches, x.dtype(), change.strength);
    if (!thin) return {};
    thins.push_back(*std::move(thin));
  }
  return own.at_once(x, thins);
}

Sum Branches::gated_linear(const std::string& first_layer, const kernels::Linear& first,
                           const std::string& second_layer, const kernels::Linear& second, const mx::array& x) const {
  const auto to_first = acting(first_layer, pixels_of(x)), to_second = acting(second_layer, pixels_of(x));
  const auto is_thin = [](const Acting& one) { return !one.branch->has_rest(); };
  if (std::all_of(to_first.begin(), to_first.end(), is_thin) &&
      std::all_of(to_second.begin(), to_second.end(), is_thin))
    return kernels::gated_linear_later(x, first, second, thins(to_first, x.dtype()), thins(to_second, x.dtype()));
  return sum(to_second, kernels::geglu(sum(to_first, x, first)), second);
}

Sum Branches::conv2d(const std::string& layer, const mx::array& x, Sum y, const kernels::Conv2d& like) const {
  for (const auto& acts : acting(layer, like.pixels(x.shape())))
    y = y.then([=](const mx::array& made) { return acts.branch->convolved(made, x, acts.share, like); });
  return y;
}

mx::array Branches::upsampled(const std::string& layer, const mx::array& x, mx::array y,
                              const kernels::Conv2d& like) const {
  for (const auto& [branch, share] : acting(layer, pixels_of(y))) y = branch->upsampled(y, x, share, like);
  return y;
}

mx::array Branches::norm(const std::string& layer, mx::array y,
                         const std::function<mx::array(const mx::array&, const mx::array&)>& normalize) const {
  // A norm is linear in its numbers.
  for (const auto& [branch, share] : acting(layer, pixels_of(y))) {
    const auto numbers = branch->norm();
    y = y + normalize(numbers.first, numbers.second) * at_pixels(share, y);
  }
  return y;
}

Sum Branches::row(const std::string& layer, const mx::array& x, mx::array row, Sum y, int height, int width) const {
  auto all = acting(layer, height * width);
  const auto by_pixel =
      std::stable_partition(all.begin(), all.end(), [](const Acting& one) { return one.share.size() == 1; });
  for (auto one = all.begin(); one != by_pixel; ++one) row = with_all({*one}, x, std::move(row));
  y = y + kernels::Row{row};
  for (const auto& one : std::span(by_pixel, all.end()))
    y = y.then([=](const mx::array& made) {
      const auto none = mx::zeros({x.shape(0), made.shape(3)}, made.dtype());
      const auto added = with_all({{one.branch, mx::array({1.f})}}, x, none);
      return made + mx::reshape(added, {x.shape(0), 1, 1, -1}) * at_pixels(one.share, made);
    });
  return y;
}

mx::array Branches::whole(const std::string& layer, const mx::array& x, const kernels::Linear& own,
                          const std::vector<int>& ids) const {
  return sum(acting(layer, ids), x, own);
}

mx::array Branches::whole(const std::string& layer, const mx::array& x, mx::array y,
                          const std::vector<int>& ids) const {
  return with_all(acting(layer, ids), x, std::move(y));
}

Branches::List Branches::list(const std::string& layer, const std::vector<int>& ids) const {
  List branches;
  for (auto& one : acting(layer, ids)) branches.push_back(std::move(one.branch));
  return branches;
}

bool Branches::alike(const std::string& layer, const std::string& other, const std::vector<int>& ids) const {
  return std::all_of(changes_.begin(), changes_.end(), [&](const Change& change) {
    return std::find(ids.begin(), ids.end(), change.id) == ids.end() ||
           (!change.scaled && change.layers->contains(layer) == change.layers->contains(other));
  });
}

std::vector<mx::array> Branches::parts(const List& branches, const mx::array& x, const mx::array& y) {
  std::vector<mx::array> parts;
  for (const auto& branch : branches) parts.push_back(with_all({{branch, mx::array({1.f})}}, x, mx::zeros_like(y)));
  return parts;
}

mx::array Branches::sum(const std::string& layer, mx::array y, const std::vector<mx::array>& parts,
                        const std::vector<int>& ids) const {
  static const kernels::Fused add([](const std::vector<mx::array>& in) { return in[0] + in[1] * in[2]; });
  const auto all = acting(layer, ids);
  for (size_t i = 0; i < all.size(); ++i) y = add({y, parts.at(i), at_pixels(all[i].share, y)});
  return y;
}

}  // namespace corepulse::nn
