#pragma once
// The side networks (ControlNet) that controls name, each with its picture: found, read against the model, known by
// their digests.

#include <memory>
#include <string>
#include <vector>

#include "corepulse/control.h"

#include "control/inputs.h"
#include "model/side/side_parts.h"
#include "pipeline/guide/hint_picture.h"

namespace corepulse::pipeline {

/** A side network with its picture. */
struct Guide {
  control::SideNetworkInfo info;  ///< What control is told of it.
  std::string file;               ///< As controls name it.
  std::shared_ptr<const model::SideParts> network;
  HintPicture picture;  ///< Of the run's size.
  int type = 0;         ///< Of the picture, for networks that tell types apart.
  bool pool = false;    ///< See ControlNet::pool.
  std::string sha256, picture_sha256;
};
using Guides = std::vector<std::shared_ptr<const Guide>>;

/** The run that the pictures are for. */
struct GuidedRun {
  HintCanvas canvas;
  int latent_height = 0, latent_width = 0;
};

/**
 * The list with those that the controls name added to it. @throws as model::understand_side, read_start_picture;
 * bad_file for a file that is not what its control's digest says.
 */
Guides with_guides(Guides known, const std::vector<Control>& controls, const std::string& path,
                   const model::Parts& parts, const GuidedRun& run);

/** Every control that reads one of them has its digests. */
void keep_digests(std::vector<Control>& controls, const Guides& guides);

}  // namespace corepulse::pipeline
