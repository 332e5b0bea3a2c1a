#pragma once
// What the rooms of control/ know of a kind of control: one entry per kind, made in the kind's own file in effects/.
//
// The list of kinds is corepulse::Effect. A new one is its struct there and a file in effects/ that defines
// kind<Struct>; JSON, short forms, checks, programs and explanations find it through this entry.
//
// Said elsewhere: the file in CMakeLists.txt, its maker in corepulse/control.h, its parser in corepulse/shorthand.h and
// flag in cli/run_flags.cpp, its entry in docs/recipe.schema.json and example in docs/control.md, which tests demand;
// and in pipeline/prepare/visit_files.h which regions or files it holds.

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "corepulse/control.h"

#include "control/inputs.h"

namespace corepulse::control {

class AttentionEffect;
class ObjectReader;
class Scanner;
class TextTable;
struct CaptureSpec;
struct Tables;

/** Which of the common fields of a control a kind has. */
struct CommonFields {
  bool where = true;
  bool rows = true;
  bool images = true;
  bool heads = true;
  bool region = true;
  bool mode = false;              ///< Has a legacy form.
  const char* instead = nullptr;  ///< What errors say of a field that the kind lacks; null: to leave it out.
};

/** Those of kinds that act on whole model calls: none, which leaves them `when`. */
inline constexpr CommonFields kOfWholeCalls{
    .where = false, .rows = false, .images = false, .heads = false, .region = false};

/** An item of a short form, such as "strength 0.8". */
struct Item {
  const char* word;
  void (*take)(Scanner&, corepulse::Control&);
  const char* sets;                       ///< Two items that set the same exclude each other.
  bool (*fits)(const Effect&) = nullptr;  ///< Whether a control of its kind has it; null: always.
};

/** How a command line says a control: --inject "...". */
struct ShortForm {
  const char* option;
  corepulse::Control (*parse)(std::string_view text);
};

/** What a kind that sets inputs of a model call asks of the run. */
struct StepNeeds {
  bool sdxl = false;      ///< A model of that family.
  bool guidance = false;  ///< Acts on guided calls only.
  bool first = false;     ///< Acts before the others: they ask whether a call is guided.
};

/** A kind that changes weights: which adapter's, and how much of it over the run. */
struct WeightUse {
  int adapter = 0;  ///< By its place in ProgramInputs::adapters.
  const Curve* strength = nullptr;
  const Curve* text_strength = nullptr;  ///< null: none of the text encoders'.
  /** Times both, by block: see Lora::blocks. */
  const std::vector<double>* blocks = nullptr;
};

/** A kind that adds a side network's residuals: which network's, and how much of them over the run. */
struct SideUse {
  int network = 0;  ///< By its place in ProgramInputs::side_networks.
  const Curve* strength = nullptr;
  bool guess = false;  ///< See ControlNet::guess.
};

/** A kind that changes features where they meet: the numbers of the stages, over the run. */
struct FeatureUse {
  const Curve *backbone[2] = {}, *skip[2] = {};
  bool by_mean = false;  ///< See FeatureGains.
  /** The stage of a joint, or -1. */
  int (*stage)(const Joint& joint) = nullptr;
};

/** A kind that gives resnets others' features: whose, and how much of them over the run. */
struct MixUse {
  Source source;  ///< Of kind image or recording.
  const Curve* strength = nullptr;
};

/** A kind that mixes latents behind steps: with which image's, and how much of them over the run. */
struct BlendUse {
  int image = 0;
  const Curve* strength = nullptr;
};

/** A kind that makes calls of its own, of the picture blurred: see BlurredCall. */
struct BlurUse {
  const Curve* scale = nullptr;
  double sigma = 1, threshold = 1;
};

using StepChange = std::function<void(StepPlan&, const Step&)>;

struct Kind {
  const char* name = "";  ///< The recipe's `kind`.
  Effect normal;          ///< With every field as it is unless set.
  CommonFields common;
  bool comfy = false;  ///< Has a form of the ComfyUI node's.

  // JSON.
  std::vector<const char*> fields;  ///< Its own, without the common ones.
  void (*read)(ObjectReader& from, Effect& to) = nullptr;
  /** Adds the own fields that are not as in `normal`. */
  void (*write)(const Effect& from, nlohmann::ordered_json& to) = nullptr;

  // Short forms.
  std::span<const ShortForm> short_forms;          ///< None: it is written in recipes only.
  std::span<const Item> number_items, word_items;  ///< Before and behind the common ones in lists.

  /** Its own fields, whatever the model. @throws Error{invalid_request} at `path`. */
  void (*check)(const corepulse::Control& control, const std::string& path) = nullptr;
  /** What it is about, for reports: a quoted phrase or prompt, or "". */
  std::string (*subject)(const Effect& effect) = nullptr;

  // What it does in a run: exactly one of these. The control must outlive what they return.
  std::unique_ptr<AttentionEffect> (*attention)(const corepulse::Control&, Tables&, const std::string& path) = nullptr;
  StepChange (*step)(const Effect&, TextTable&, const ProgramInputs&) = nullptr;
  CaptureSpec (*capture)(const corepulse::Control&) = nullptr;
  WeightUse (*weights)(const corepulse::Control&, const ProgramInputs&, const std::string& path) = nullptr;
  SideUse (*side)(const corepulse::Control&, const ProgramInputs&, const std::string& path) = nullptr;
  FeatureUse (*features)(const Effect&) = nullptr;
  MixUse (*mixes)(const Effect&, const ProgramInputs&, const std::string& path) = nullptr;
  BlendUse (*latents)(const Effect&) = nullptr;
  /** In place of `attention` where it gives any. */
  std::optional<BlurUse> (*blurs)(const Effect&) = nullptr;
  /** Besides: what the images it acts on read as their prompt, and the image that does not. null: nothing. */
  std::pair<std::string, int> (*image_prompt)(const Effect& effect) = nullptr;
  StepNeeds needs;
};

/** Defined for every alternative of Effect, in the kind's own file. */
template <class E>
const Kind& kind();

/** All kinds, in the order of Effect. */
std::span<const Kind* const> kinds();
std::vector<std::string> kind_names();
const Kind& kind_of(const Effect& effect);
/** By name, or null. */
const Kind* find_kind(std::string_view name);
/** Whether it acts on an image of the batch. */
bool takes_image(const corepulse::Control& control, int image);
/** All on which it acts. */
std::vector<int> images_of(const corepulse::Control& control, int batch);
/** What an image of the batch reads as its prompt by this control, if that is for the control to say. */
std::optional<std::string> prompt_by(const corepulse::Control& control, int image);

}  // namespace corepulse::control
