#pragma once
// What every part of resolving a list of controls reads and asks.

#include "control/program/program.h"
#include "control/program/selector.h"

namespace corepulse::control {

/** What regions are of, and the part of it that is drawn. */
Canvas canvas_of(const ProgramInputs& inputs);

struct Context {
  /** All must outlive it. @throws Error{invalid_request} for too many controls. */
  Context(const std::vector<corepulse::Control>& controls, const ProgramInputs& inputs, const ProgramOptions& options);
  Context(const Context&) = delete;

  /** "controls[3]". */
  std::string path_of(int index) const;
  /** The grids of these layers, each once. */
  std::vector<Grid> grids_of(const std::vector<bool>& chosen) const;
  Grid grid_of(const Site& site) const { return sites.grid_of(site); }

  const std::vector<corepulse::Control>& controls;
  const ProgramInputs& inputs;
  const ProgramOptions& options;
  Budget budget;
  SiteTable sites;   ///< Of attention.
  SiteTable layers;  ///< Of every sort.
  SiteTable skips;   ///< What side networks add to.
  const std::vector<Site> joint_sites;
  SiteTable joints;   ///< Where features meet.
  SiteTable resnets;  ///< What adds features.
  Tables tables;
};

/** @param path of the number. @throws Error{invalid_request} unless the run has such an image. */
void check_image(int image, const Context& context, const std::string& path);

}  // namespace corepulse::control
