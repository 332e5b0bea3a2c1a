#pragma once
// A list of controls resolved for one model, prompt and schedule: what every attention call and every step does.
//
//   const auto program = Program::resolve(recipe.controls, inputs);  // all errors happen here
//   encode(program.texts());
//   program.step(step);        // once per model call
//   program.plan(site, step);  // once per attention call
//
// Immutable and cheap to copy; any thread may ask.

#include <map>
#include <memory>

#include "control/effects/capture.h"
#include "control/readings/effect.h"

namespace corepulse::control {

/** What became of one control of the list. */
struct ControlReport {
  int index = 0;      ///< In the list.
  std::string title;  ///< inject "a dragon"
  enum class State { acts, neutral, disabled } state = State::acts;
  std::string reason;              ///< Why it is neutral.
  std::vector<bool> sites, calls;  ///< Where and when it changes something.
  std::vector<bool> layers;        ///< Of a kind that changes weights, in place of sites: of Data::layers.
  std::vector<bool> skips;         ///< Of a kind that adds to skips, in place of sites: of Data::skips.
  std::vector<bool> joints;        ///< Of a kind that changes features, in place of sites: of Data::joints.
  std::vector<bool> resnets;       ///< Of a kind that gives or watches features, in place of sites: of Data::resnets.
  std::string network;             ///< "ControlNet", "T2I-Adapter": what makes that,
  double work = 0;                 ///< and the most that it costs a call, as a share of the UNet's work.
  std::string reads;               ///< Beside the text: "4 tokens that an IP-Adapter makes of 1 picture".
  bool texts = false;              ///< It changes text encoders.
  bool beside = false;             ///< What it adds to the UNet's weights stands beside them, as products of its own,
  int64_t rank = 0;                ///< of this rank; 0: of no low one.
  int pairs = 0;                   ///< (layer, model call) pairs at which it does.
  /** Where its phrase stands: text and positions. */
  std::map<TextId, std::vector<int>> tokens;
  struct Cells {
    Grid grid;
    std::string of;              ///< "": the control's region; "prompts[0].region", "target": one of its effect.
    int touched = 0, whole = 0;  ///< Tokens with a value above 0; of 1.
    double mean = 0;
  };
  std::vector<Cells> region;  ///< Its regions at each grid it acts on,
  struct Follows {
    std::string of;                  ///< As Cells::of.
    std::vector<std::string> words;  ///< "cat", or "cat" in image 0, with the quotes.
  };
  std::vector<Follows> follows;  ///< but for those that follow where words are looked at.
};

/** Latents that are mixed behind steps: see corepulse::Blend. */
struct BlendSpec {
  int control = 0;                 ///< Its index in the list of controls.
  int image = 0;                   ///< Whose latents,
  std::vector<int> images;         ///< in those of these others,
  std::map<int, double> strength;  ///< by step so much, not 0,
  std::optional<Region> live;      ///< times this region, as it has become, or
  std::vector<float> mask = {};    ///< this one: 0..1, by latent pixel. Neither: everywhere.
};

struct ProgramOptions {
  /** Leave out what changes nothing. Off only in tests: then neutral controls take the long way. */
  bool elide = true;
  /** Live edits: the texts of the program before; equal ones keep their ids. */
  std::vector<ContextSpec> texts;
  /** What errors call the list. */
  std::string path = "controls";
  /** By image, the prompt that a control gives it, which may act in another part of the run only; empty: none does. */
  std::vector<std::optional<std::string>> image_prompts;
  /** The most work resolving may take, see Budget. */
  size_t work = 1'000'000'000;
  /** Attention is planned for this step's calls alone; none: for all. */
  std::optional<int> only_step = {};
};

class Program : public Control {
 public:
  /** @throws Error{invalid_request} for every control that is wrong or can never act, naming the valid choices. */
  static Program resolve(const std::vector<corepulse::Control>& controls, const ProgramInputs& inputs,
                         const ProgramOptions& options = {});

  /** Whether some region is made while the run goes on. */
  bool lives() const;
  /**
   * What the same controls make of one step with these regions as `seen` has them: attention is planned for its calls
   * alone. @param texts that have numbers already, those of this program first. What the inputs' functions refer to
   * must still be there. @throws Error{invalid_request} if this and the looks before took too much work together.
   */
  Program looking(int step, LiveMasks seen, std::vector<ContextSpec> texts) const;

  /** By latent pixel, how much of the other image's latents goes into those of `image` behind a step; empty: none. */
  std::vector<float> share_of(const BlendSpec& blend, int image, int step, const LiveMasks& seen) const;

  /** @throws Error{internal} if the step is none of the run's model calls, or a row none of its rows. */
  AttentionPlan plan(const Site& site, const Step& step) const override;
  StepPlan step(const Step& step) const override;

  /** By TextId: what to encode. */
  const std::vector<ContextSpec>& texts() const;
  /** By the index that plans hold. */
  const std::vector<CaptureSpec>& captures() const;
  const std::vector<FunctionSpec>& functions() const;
  /** For people: words of injected prompts that were cut off, controls that change nothing. */
  const std::vector<std::string>& notes() const;
  /** One per control of the list. */
  const std::vector<ControlReport>& reports() const;
  /** The controls, by index in the list, that change what this layer reads at this call. */
  const std::vector<int>& acting(const Site& site, const Step& step) const;

  struct Data;
  const Data& data() const { return *data_; }

 private:
  explicit Program(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

}  // namespace corepulse::control
