#pragma once
// The captures of a run: running means of attention, one small grid per capture and image.

#include <memory>

#include "corepulse/heat_map.h"

#include "attention/observer.h"
#include "control/program/timeline.h"

namespace corepulse::pipeline {

class HeatMaps : public attention::Observer {
 public:
  /** @param with whose captures go on here, on another model: those of the same name are one. */
  HeatMaps(const control::Timeline& control, int latent_height, int latent_width, HeatMaps* with = nullptr);

  std::optional<attention::Watch> watch(int capture, const control::Step& step, const control::Row& row) const override;
  void record(int capture, const control::Step& step, const control::Row& row, const control::Site& site,
              const std::vector<double>& map) override;

  /** Captures of a program that was added to the control since. */
  void enter(const control::Program& program);

  /** How much the words of a region of shape attention have been looked at in an image up to now. */
  std::optional<control::LookedAt> so_far(const Region& region, int image) const;

  /** By capture, then image; a capture that saw nothing of an image has no map of it. */
  std::vector<HeatMap> maps() const;

 private:
  /** After an edit, captures of the same name go on: the first of that name with the first, and so on. */
  using Key = std::pair<std::string, int>;
  struct Mean {
    int calls = 0;
    std::vector<double> sum;
  };
  struct Entry {
    bool live = false;  ///< For a region, not for the user.
    control::Grid grid;
    std::map<int, Mean> images;
  };

  const control::CaptureSpec& spec(int capture, const control::Step& step) const;

  const control::Timeline& control_;
  int latent_height_, latent_width_;
  std::map<const control::CaptureSpec*, size_t> entry_of_;
  struct Seen {
    std::vector<Key> keys;
    std::vector<Entry> entries;
  };
  std::shared_ptr<Seen> seen_;
};

}  // namespace corepulse::pipeline
