#pragma once
// A self- and a cross-attention layer in a run without a model: random pictures, a random embedding for every prompt.

#include <string>

#include "control/program/program.h"
#include "layer.h"

namespace corepulse::test {

struct SceneOptions {
  int batch = 1;
  bool guided = true;
  int heads = 3, channels = 24;
  int latent_height = 10, latent_width = 14;  ///< Halved once, rounding up: kHeight x kWidth.
  unsigned seed = 1;
};

/** 5 x 7 tokens, the second of three steps. */
struct Scene {
  static constexpr int kHeight = 5, kWidth = 7, kContextWidth = 20;

  explicit Scene(const SceneOptions& options = {});

  /** What the engine's layer makes of the recipe: one [N, C] per batch row. */
  std::vector<Matrix> run(const std::vector<corepulse::Control>& controls, bool cross) const;
  const Layer& layer(bool is_cross) const { return is_cross ? cross : self; }
  /** The encoded prompt [77, kContextWidth]; letters' case does not matter. */
  static Matrix context(std::string prompt);
  /** What picture prompts' adapters make, as long: of pictures, and of none. */
  static Matrix picture_tokens(bool there_is_one);
  /** The text's embeddings, [77, kContextWidth] each, by TextId. */
  static std::vector<Matrix> contexts(const std::vector<control::ContextSpec>& specs);
  /** The picture that the row has; its prompt's row's, if there is no such row. */
  const Matrix& picture(const control::Row& row) const;
  /** With the program's further rows at this step, each with a picture of its own. */
  Scene with_further_rows(const control::Program& program) const;

  control::ProgramInputs inputs;
  control::Step step;  ///< With its rows.
  Layer self, cross;
  std::vector<Matrix> x;  ///< One per row.
};

}  // namespace corepulse::test
