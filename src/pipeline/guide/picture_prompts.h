#pragma once
// The picture prompts that controls name: adapters (IP-Adapter), each with its encoder and pictures; found, read
// against the model, known by their digests.

#include <memory>
#include <string>
#include <vector>

#include "corepulse/control.h"

#include "control/inputs.h"
#include "control/program/timeline.h"
#include "engine/pace.h"
#include "model/pictures/picture_adapter.h"

namespace corepulse::pipeline {

/** An adapter with the pictures that it is to read. */
struct PromptPictures {
  control::PicturePromptInfo info;  ///< What control is told of it.
  std::string file, encoder_file;   ///< As controls name them.
  std::shared_ptr<const model::PictureAdapterParts> adapter;
  std::shared_ptr<const model::VisionParts> encoder;  ///< null: it reads vectors of faces.
  /** As the encoder is given them, one after the other; of faces their vectors. */
  std::vector<std::vector<float>> pictures;
  std::string sha256, encoder_sha256;
  std::vector<std::string> picture_sha256;  ///< Of those that lie in files.
  std::string key;                          ///< The same for the same bytes of all of these.
};
using PicturePrompts = std::vector<std::shared_ptr<const PromptPictures>>;

/**
 * The list with those that the controls name added to it. @throws as model::understand_picture_adapter,
 * find_vision_encoder, read_start_picture; bad_file for a file that is not what its control's digest says.
 */
PicturePrompts with_picture_prompts(PicturePrompts known, const std::vector<Control>& controls, const std::string& path,
                                    const model::Parts& parts);

/** Every control that reads one of them has its digests. */
void keep_digests(std::vector<Control>& controls, const PicturePrompts& prompts);

/** Bytes that those which a run reads take beside the model: adapters, and the largest encoder while it sees pictures.
 * @param held what is held for this control is not counted again; null: nothing is. */
uint64_t picture_bytes(const control::Timeline& control, const PicturePrompts& prompts, mx::Dtype dtype,
                       const control::Timeline* held = nullptr);

/** What encoders compute for those that a run reads. */
engine::Work picture_work(const control::Timeline& control, const PicturePrompts& prompts);

}  // namespace corepulse::pipeline
