#pragma once
// What control is told about a run before it begins: plain tables of layers, model calls and tokens.

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "corepulse/control.h"

#include "base/prompt_text.h"
#include "control/plan.h"

namespace corepulse::control {

/** A token and the bytes [begin, end) of the prompt that it stands for. */
struct TextToken {
  int id = 0, begin = 0, end = 0;
  bool operator==(const TextToken&) const = default;
};

/** A prompt as one text encoder sees it. */
struct TokenizedText {
  std::vector<int> ids;           ///< One per position of the context: chunks of start, words, end, padding.
  std::vector<TextToken> tokens;  ///< All of the prompt's own, in order, also those that do not fit.
  std::vector<int> positions;     ///< Of those that fit: the first positions.size() of them.
  int chunk = 77;                 ///< Positions of a chunk.
  std::vector<double> weights;    ///< By position. Empty: all 1.

  int kept() const { return static_cast<int>(positions.size()); }
  bool operator==(const TokenizedText&) const = default;
};

/** What part of its chunk a position is. */
enum class Place { start, word, end, padding };

/** By position. */
std::vector<Place> places(const TokenizedText& text);

/** A prompt as it was written, without its syntax. Empty: none has any. */
using PromptReader = std::function<PromptText(const std::string& written)>;

/** The prompt for every text encoder of the model, in order. */
using Tokenizer = std::function<std::vector<TokenizedText>(const PromptText& prompt)>;

/** One channel of a picture file: height x width values, 255 = inside the region. */
struct MaskPicture {
  int width = 0, height = 0;
  std::vector<uint8_t> values;
};

/** A part of a picture, in its pixels; it may reach over the edges. */
struct PixelBox {
  int left = 0, top = 0, width = 0, height = 0;
};

/** How much every part of an image has been looked at so far: height x width values, 0 or more, of any unit. */
struct LookedAt {
  int height = 0, width = 0;
  std::vector<double> values;
};

/** How much the words of a region of shape attention have been looked at in an image; nothing: there is no map yet. */
using LiveMasks = std::function<std::optional<LookedAt>(const Region& region, int image)>;

/** Reads the picture of a region of that shape. @throws Error. */
using PictureReader = std::function<MaskPicture(const Region& region)>;

/** A run that was recorded with `capture: keys` or `features`: at which layers or resnets (paths), steps and rows. */
struct RecordingInfo {
  std::string name;
  std::vector<std::string> sites;
  std::vector<int> steps;
  std::vector<double> sigmas;  ///< Of the steps.
  int latent_height = 0, latent_width = 0;
  bool unconditional = true, conditional = true;
};

/** A file of changes of the model's weights: by the name, and as, controls read it. */
struct AdapterInfo {
  std::string name;
  bool strict = true;
  DoraReading dora = DoraReading::blended;
  std::set<std::string> layers;  ///< The UNet's that it changes: paths of ProgramInputs::layers.
  int64_t rank = 0;              ///< The largest of what it adds to them; 0: some of it is of no low rank.
  bool texts = false;            ///< It changes a text encoder, too.
};

/** A side network with its picture. */
struct SideNetworkInfo {
  std::string name;         ///< side_network_name of the controls that read it.
  std::vector<bool> skips;  ///< Of ProgramInputs::skips, those that it adds to.
  std::string what;         ///< "ControlNet", for reports.
  double work = 0;          ///< Of one row, as a share of the UNet's.
};

/** Pictures that are read beside the text. */
struct PicturePromptInfo {
  std::string name;     ///< picture_prompt_name of the controls that read them.
  int tokens = 0;       ///< All of the pictures'.
  std::string adapter;  ///< "IP-Adapter Plus", for reports.
};

/** A user's own attention function: where and when it replaces ours. */
struct FunctionUse {
  std::string name;
  std::string where;
  AttentionKind attention = AttentionKind::both;
  Window when;
  Rows rows = Rows::both;
};

struct ProgramInputs {
  std::vector<Site> sites;                ///< site.index == position.
  int image_height = 0, image_width = 0;  ///< Pixels.
  int latent_height = 0, latent_width = 0;
  /** A picture of which the run draws a part: regions are of the whole. */
  struct Whole {
    int height = 0, width = 0;
    PixelBox part;
  };
  std::optional<Whole> whole = {};
  std::vector<Step> calls;              ///< Every model call of the run: call == position; their rows are not read.
  int batch = 1;                        ///< Images.
  std::string prompt, negative_prompt;  ///< As written; at step 0, if they change.
  /** By step, where they change: prompt editing. */
  std::vector<std::string> prompts, negative_prompts;
  std::string prompt_2, negative_prompt_2;  ///< What the second text encoder reads instead; "": the same.
  double prompt_weight = 1;
  /** Prompts that are drawn together with it (AND): of prediction u + guidance (sum of weight (prompt's - u)). */
  struct Joined {
    double weight = 1;
    std::vector<std::string> by_step;  ///< As written.
  };
  std::vector<Joined> joined;
  PromptReader reader;
  double guidance = 1;
  /** Whether guidance below 1 reads the negative prompt; Diffusers takes it for no guidance. */
  bool guided_below_one = true;
  std::optional<double> image_guidance = {};  ///< Of models that read a picture beside (instruct-pix2pix).
  bool pooled = false;                        ///< The model takes a pooled text vector (SDXL).
  std::optional<TimeIds> time_ids;            ///< The request's, if the model takes any (SDXL).
  Tokenizer tokenizer;
  PictureReader picture;  ///< May be empty: regions of pictures are then errors.
  /** What has been looked at when the calls are made. Empty: nobody knows yet. */
  LiveMasks live = {};
  std::vector<RecordingInfo> recordings;
  std::vector<AdapterInfo> adapters;
  std::vector<Site> layers;  ///< Every layer of the UNet that has weights, where adapters are; site.index == position.
  std::vector<SideNetworkInfo> side_networks;
  /** Where there are such: what the UNet's up blocks take, in the order made, then the middle block's result;
   * site.index == position. */
  std::vector<Site> skips;
  std::vector<PicturePromptInfo> picture_prompts;
  std::vector<Joint> joints;  ///< All of the UNet's; site.index == position.
  std::vector<Site> resnets;  ///< All of the UNet's; site.index == position.
  std::vector<FunctionUse> functions;
};

}  // namespace corepulse::control
