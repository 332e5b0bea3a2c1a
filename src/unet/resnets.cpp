#include "unet/resnets.h"

#include <algorithm>

#include "attention/keys.h"

namespace corepulse::unet {
namespace {

/** In part another's: exactly that where the share is 1, exactly the own where it is 0, or where both are equal. */
mx::array mixed(const mx::array& own, const CallInputs::Mix& mix) {
  const auto mine = mx::astype(own, mx::float32);
  const auto other = mx::astype(mix.recorded ? *mix.recorded : attention::rows_of(own, mix.from), mx::float32);
  const auto part = mine + mix.share * (other - mine);
  return mx::astype(mx::where(mx::equal(mix.share, mx::array(1.f)), other, part), own.dtype());
}

}  // namespace

mx::array Resnets::operator()(const nn::ResnetBlock& resnet, const kernels::Beside& x) {
  const int place = next_++;
  if (!looked_at(place)) return resnet(x, &time_, pass_.beside);
  return resnet(x, &time_, pass_.beside, [&](const mx::array& added) { return change(place, added); });
}

bool Resnets::recorded(int place) const {
  const auto& watched = inputs_->watched;
  return pass_.instruments.recorder && std::any_of(watched.begin(), watched.end(), [&](const auto& watch) {
           return watch.resnets[static_cast<size_t>(place)];
         });
}

bool Resnets::looked_at(int place) const {
  if (!inputs_) return false;
  const auto& mixes = inputs_->mixes;
  const auto* probe = pass_.instruments.probe;
  return recorded(place) || (probe && probe->wants(attention::Point::resnet, place, pass_.step)) ||
         std::any_of(mixes.begin(), mixes.end(), [&](const auto& mix) { return mix.resnet == place; });
}

void Resnets::record(int place, const mx::array& added) const {
  const auto tokens = mx::reshape(added, {added.shape(0), -1, added.shape(3)});
  for (const auto& watch : inputs_->watched)
    for (size_t r = 0; r < pass_.step.rows.size() && watch.resnets[static_cast<size_t>(place)]; ++r)
      pass_.instruments.recorder->record(watch.capture, pass_.step, pass_.step.rows[r],
                                         (*sites_)[static_cast<size_t>(place)],
                                         attention::row_of(tokens, static_cast<int>(r)));
}

std::optional<mx::array> Resnets::change(int place, const mx::array& added) const {
  auto now = added;
  for (const auto& mix : inputs_->mixes)
    if (mix.resnet == place) now = mixed(now, mix);
  now = seen(pass_, attention::Point::resnet, place, now);
  if (recorded(place)) record(place, now);
  if (now.id() == added.id()) return {};
  return mx::astype(now, mx::float32) - mx::astype(added, mx::float32);
}

}  // namespace corepulse::unet
