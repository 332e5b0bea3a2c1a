#pragma once
// What a control can do: one struct per kind. Control (control.h) says where, when, on which rows.
//
//   Reweight weaker{.tokens = "park", .scale = 0.3};
//   Inject dragon{.prompt = "a dragon", .strength = {{0, 0}, {0.5, 1}}};

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "corepulse/control_net.h"
#include "corepulse/control_values.h"
#include "corepulse/region.h"

namespace corepulse {

/** Words of a prompt: a phrase, matched by whole words, or a part of the encoded text. */
struct Tokens {
  std::string phrase;
  int occurrence = 0;  ///< 1: the first, 2: the second, ...; 0: all.
  /** Instead of a phrase: every position, the start or end marker, the words, what pads the end. */
  enum class Part { phrase, all, start, words, end, padding } part = Part::phrase;

  Tokens() = default;
  Tokens(std::string text, int n = 0) : phrase(std::move(text)), occurrence(n) {}
  Tokens(const char* text, int n = 0) : phrase(text), occurrence(n) {}
  Tokens(Part which) : part(which) {}
  bool operator==(const Tokens&) const = default;
};

/** Which attention a control means where both exist. */
enum class AttentionKind { cross, self, both };

// -- Cross-attention: the picture reads the text ------------------------------------------------

/** A share `strength` of the picture reads another prompt. */
struct Inject {
  std::string prompt;
  Curve strength = 1;            ///< 0..1.
  Curve gain_k = 1, gain_v = 1;  ///< Multiply its keys and values; any finite number.
  double noise = 0;              ///< Mode comfy: Gaussian noise added to the encoded prompt,
  unsigned noise_seed = 0;       ///< from this seed.
  bool operator==(const Inject&) const = default;
};

/** Attention to some tokens times `scale` >= 0, the rest adjusted so that it sums to 1. */
struct Reweight {
  Tokens tokens;
  Curve scale = 1;
  Curve strength = 1;
  bool operator==(const Reweight&) const = default;
};

/** Where the other tokens' embeddings come from when words are masked or replaced. */
enum class TokenContext {
  keep,      ///< As encoded with the old words.
  reencode,  ///< mask_tokens: the prompt without the phrase.
  replace    ///< replace_tokens: the prompt with the new words.
};

/** Some tokens are not read at all. */
struct MaskTokens {
  Tokens tokens;
  TokenContext context = TokenContext::keep;
  Curve strength = 1;
  bool operator==(const MaskTokens&) const = default;
};

/** A phrase of the prompt is read as another. */
struct ReplaceTokens {
  Tokens tokens;
  std::string with;
  TokenContext context = TokenContext::keep;
  Curve strength = 1;
  bool operator==(const ReplaceTokens&) const = default;
};

/** What some tokens contribute times `gain` (any finite number), at unchanged attention. */
struct ValueGain {
  Tokens tokens;
  Curve gain = 1;
  Curve strength = 1;
  bool operator==(const ValueGain&) const = default;
};

struct RegionPrompt {
  std::string prompt;
  Region region;
  bool operator==(const RegionPrompt&) const = default;
};

/** Each region reads its own prompt; where regions overlap they share, elsewhere the prompt is read. */
struct Regions {
  std::vector<RegionPrompt> prompts;
  Curve base_share = 0;  ///< 0..1: how much of the prompt stays inside the regions.
  Curve strength = 1;
  bool operator==(const Regions&) const = default;
};

/** Words of an edited prompt with an own strength of prompt_to_prompt. */
struct WordEdit {
  Tokens tokens;    ///< Of the edited prompt.
  Curve cross = 1;  ///< 0..1, as PromptToPrompt::cross.
  bool operator==(const WordEdit&) const = default;
};

/**
 * Prompt-to-prompt (Hertz et al. 2022): the images it acts on read `prompt` as theirs, but look as image `image` does
 * with its own. Both are meant to start from the same seed.
 */
struct PromptToPrompt {
  std::string prompt;
  int image = 0;  ///< Index in the batch.
  /** How words find their partners: `refine` aligns the prompts, `replace` goes word by word through equally many. */
  enum class Method { refine, replace } method = Method::refine;
  Curve cross{{0, 1}, {0.8, 1}, {0.8, 0}};  ///< 0..1: how much cross-attention is the other image's.
  std::vector<WordEdit> words;              ///< Other numbers for some words.
  Curve self{{0, 1}, {0.4, 1}, {0.4, 0}};   ///< 0..1: the same of self-attention,
  int self_tokens = 256;                    ///< in layers of at most so many tokens.
  bool operator==(const PromptToPrompt&) const = default;
};

/**
 * Normalised attention guidance (Chen et al. 2025): what is read is pushed away from what a negative prompt would give,
 * in the layer, also without guidance. With z what is read and n the negative: g = z + scale (z - n), shortened to
 * limit |z|_1 at most, by pixel; z := z + strength (g - z).
 */
struct NormalizedGuidance {
  std::optional<std::string> prompt;  ///< Absent: the negative prompt.
  Curve scale = 2;                    ///< Any finite number; the paper's phi less 1.
  Curve limit = 2.5;                  ///< > 0; the paper's tau.
  Curve strength = 0.5;               ///< 0..1; the paper's alpha.
  bool operator==(const NormalizedGuidance&) const = default;
};

/**
 * What an adapter makes of pictures is read like words, by keys and values of its own (Ye et al. 2023): to what a pixel
 * has read, `strength` times what it finds there is added. Rows of the negative prompt read what the adapter makes of
 * no picture. Control::rows: both unless it says otherwise. docs/guides.md.
 */
struct PicturePrompt {
  std::string file;  ///< The adapter: a safetensors file, for one family of models.
  /** PNG, JPEG or WebP, read as one text of all of them; of a FaceID adapter safetensors files of faces' vectors. */
  std::vector<std::string> pictures;
  std::vector<std::string> data;  ///< Further ones: such files themselves, in base64.
  /** What sees the pictures: CLIP's vision encoder, a folder or a safetensors file. "": `image_encoder` beside the
   * adapter's file, or beside its folder. */
  std::string encoder;
  Curve strength = 1;  ///< Any finite number; how share: 0..1.
  enum class How {
    add,   ///< Beside what is read.
    share  ///< With it: one softmax over the words and the pictures.
  } how = How::add;
  Curve gain_k = 1, gain_v = 1;             ///< Multiply the pictures' keys and values; any finite number.
  std::string sha256, encoder_sha256;       ///< Of the files, checked before the run; "": unknown.
  std::vector<std::string> picture_sha256;  ///< Of `pictures`, in order, likewise; empty: unknown.
  bool operator==(const PicturePrompt&) const = default;
};

// -- Self-attention: the picture looks at itself ------------------------------------------------

/** Pixels of the control's region look at the target `scale` times as much (0: not at all). */
struct Attend {
  std::optional<Region> target;  ///< Absent (mode corepulse only): everywhere.
  Curve scale = 1;               ///< >= 0; mode corepulse: any finite number.
  /** Mode corepulse: what its interaction_type says. */
  enum class Interaction { enhance, redirect, sharpen } interaction = Interaction::enhance;
  Curve strength = 1;
  bool operator==(const Attend&) const = default;
};

/** Logits divided by `value` > 0: below 1 sharper, above 1 softer. */
struct Temperature {
  Curve value = 1;
  AttentionKind attention = AttentionKind::self;
  Curve strength = 1;
  bool operator==(const Temperature&) const = default;
};

/** A share `strength` of the attention becomes uniform. */
struct Smooth {
  Curve strength = 1;
  bool operator==(const Smooth&) const = default;
};

/** Looks at another image of the batch, or at a recorded run, too or instead. */
struct Share {
  std::optional<int> image;  ///< Index in the batch; or
  std::string recording;     ///< the file of a recorded run.
  enum class How {
    with,     ///< One softmax over both.
    instead,  ///< Its keys and values in place of the own.
    map       ///< Looks as it does: its queries and keys, own values.
  } how = How::with;
  Curve strength = 1;
  std::string sha256;  ///< Of the recording's file, checked before the run; "": unknown.
  /** How::with: own queries and keys first take the other's mean and deviation (StyleAligned, Hertz et al. 2023); */
  bool align = false;
  bool align_values = false;     ///< with `align`: own values, too.
  Curve gain_k = 1, gain_v = 1;  ///< Multiply the other's keys and values; any finite number. How::map has no gain_v.
  Curve shift = 0;               ///< How::with: added to the logits of the other's keys; any finite number.
  /** 0..1: rows of the negative prompt have 1 - fidelity times the strength ("style fidelity" of reference-only). */
  Curve fidelity = 0;
  bool operator==(const Share&) const = default;
};

/**
 * Guidance by a worse look: adds scale (c - p) to the prediction, c what the prompt's row predicts and p what a
 * perturbed copy of it does, a further row of the call. `map` is a call of its own instead: scale (u - p), with u what
 * the negative prompt's row predicts (without guidance the prompt's) and p what it does where the picture is blurred.
 */
struct GuideBy {
  enum class Perturb {
    identity,  ///< Every token looks at itself alone (perturbed-attention guidance, Ahn et al. 2024).
    blur,      ///< Queries are blurred over the picture (smoothed energy guidance, Hong 2024).
    tokens,    ///< Behind self-attention the tokens change places (token perturbation guidance, Rajabi et al. 2025).
    map        ///< The picture is blurred where it is looked at most (self-attention guidance, Hong et al. 2023).
  } perturb = Perturb::identity;
  Curve scale = 3;  ///< Any finite number.
  /** > 0. blur: in tokens of the layer; absent: infinity, their mean. map: in latent pixels; absent: 1. */
  std::optional<double> blur_sigma;
  double threshold = 1;  ///< map, >= 0: tokens are blurred that are looked at more than this; 1 is the mean.
  bool operator==(const GuideBy&) const = default;
};

// -- Weights -----------------------------------------------------------------------------------

/** How the magnitudes m of a DoRA file are read; W is the model's weight, W1 = W + what the file adds at strength 1. */
enum class DoraReading {
  blended,  ///< W + strength (m W1 / |W1| - W).
  lycoris,  ///< As LyCORIS 4 merges: W1 (1 + strength (m / |W1| - 1)).
  comfy     ///< As blended, but m W1 / |W| by output.
};

/**
 * The model's weights as an adapter file changes them (LoRA and its family), `strength` times. All of the UNet's
 * layers, and the text encoders'; with Control::where those of the UNet that it names, of every sort. Control::region:
 * the pixels whose output changes. Control::rows: both unless it says otherwise. docs/lora.md.
 */
struct Lora {
  std::string file;                    ///< A safetensors file, or a name in Recipe::loras.
  Curve strength = 1;                  ///< Any finite number.
  std::optional<Curve> text_strength;  ///< The text encoders'. Absent: `strength`, or 0 where the control says where.
  bool strict = true;                  ///< What of the file belongs to no layer is an error, not a note.
  DoraReading dora = DoraReading::blended;
  std::string sha256;  ///< Of the file, checked before the run; "": unknown.
  /** Times `strength` (the first: `text_strength`), by block as A1111's lora-block-weight counts: 17 for SD 1 and 2, 12
   * for SDXL; blocks that it does not count stay as they are. Empty: 1 for all. */
  std::vector<double> blocks;
  bool operator==(const Lora&) const = default;
};

// -- Features ----------------------------------------------------------------------------------

/**
 * FreeU (Si et al. 2023): in two stages of the UNet's output blocks half of the channels of what comes up count b times
 * as much, and the lowest frequencies of the skips beside them s times. All 1: the plain picture.
 */
struct FreeU {
  Curve b1 = 1, b2 = 1, s1 = 1, s2 = 1;  ///< Any finite numbers; of the first and of the second stage.
  int version = 2;                       ///< 1: b is the same for all pixels; 2: it follows the mean of the channels.
  enum class Stages {
    blocks,  ///< output:0 and output:1, as in Diffusers.
    widths   ///< Layers that 4 and 2 times as many channels come up to as conv_in makes: its authors', ComfyUI's.
  } stages = Stages::blocks;
  bool operator==(const FreeU&) const = default;
};

/**
 * What resnets add to the picture becomes in part what they add in another image of the batch, or added in a recorded
 * run (Tumanyan et al. 2022, with Share::How::map: Plug-and-Play). Control::where: resnets, "output:1.1" the second of
 * that block. Control::rows: both unless it says otherwise.
 */
struct Features {
  std::optional<int> image;  ///< Index in the batch; or
  std::string recording;     ///< the file of a recording of features.
  Curve strength = 1;        ///< 0..1.
  std::string sha256;        ///< Of the recording's file, checked before the run; "": unknown.
  bool operator==(const Features&) const = default;
};

// -- Latents -----------------------------------------------------------------------------------

/**
 * Behind every step of its window the latents of the images it acts on become, inside its region, another image's: (1 -
 * strength) own + strength other. LocalBlend of prompt-to-prompt is this outside of what an edit's words look at.
 */
struct Blend {
  int image = 0;  ///< The other one's index in the batch.
  Curve strength = 1;
  bool operator==(const Blend&) const = default;
};

// -- How guidance adds up (docs/guidance.md: which acts on what, in which order) ------------------

/** The sum comes to the deviation of the prompt's prediction: Recipe::guidance_rescale, in a window. */
struct RescaledGuidance {
  Curve strength = 0.7;
  bool operator==(const RescaledGuidance&) const = default;
};

/** CFG-Zero* (Fan et al. 2025): the negative prompt's prediction u becomes its share <c, u> / |u|^2. */
struct ZeroStarGuidance {
  Curve strength = 1;
  int zero_steps = 0;  ///< In so many steps, the run's first, the prediction is 0.
  bool operator==(const ZeroStarGuidance&) const = default;
};

/** TCFG (Kwon et al. 2025): of u stays what lies in the direction that c and u have most in common. */
struct TangentialGuidance {
  Curve strength = 1;
  bool operator==(const TangentialGuidance&) const = default;
};

/** Adaptive projected guidance (Sadat et al. 2024): the difference c - u less what lies along c, and no longer than a
 * limit. */
struct ProjectedGuidance {
  Curve parallel = 0;     ///< How much of what lies along c stays; 1: all. The paper's eta.
  Curve limit = 15;       ///< >= 0: the most that the difference's length may be; 0: any. The paper's r.
  Curve momentum = -0.5;  ///< -1 < momentum < 1: how much of the differences before is added. The paper's beta.
  enum class Of {
    prediction,  ///< Of what the network says, as in Diffusers.
    picture      ///< Of the estimates of the picture, as in the paper and in ComfyUI.
  } of = Of::prediction;
  bool operator==(const ProjectedGuidance&) const = default;
};

/** Frequency-decoupled guidance (Sadat et al. 2025): coarse and fine parts of the difference have guidances of their
 * own, in place of the call's. */
struct FrequencyGuidance {
  Curve low = 5, high = 10;
  bool operator==(const FrequencyGuidance&) const = default;
};

/** Skimmed CFG (Extraltodeus 2024): where guidance takes a number further away from 0 than the picture has it, it is
 * `scale` at most. */
struct SkimmedGuidance {
  Curve scale = 7;             ///< >= 0.
  bool full_negative = false;  ///< The negative prompt's part is skimmed with 0.
  bool filter = true;          ///< Only where the result moves away from what the noisy picture has.
  bool operator==(const SkimmedGuidance&) const = default;
};

/** Dynamic thresholding (mcmonkey 2023): the guided picture gets, channel by channel, the range that guidance `mimic`
 * would give it. */
struct ThresholdedGuidance {
  Curve mimic = 7;
  double percentile = 1;  ///< 0 < percentile <= 1: of the guided numbers, which is taken for their largest.
  Curve strength = 1;
  bool operator==(const ThresholdedGuidance&) const = default;
};

// -- Inputs of a step ---------------------------------------------------------------------------

struct Guidance {
  Curve scale = 1;
  bool operator==(const Guidance&) const = default;
};

/** SDXL: the pooled text vector leans to another prompt's. */
struct Pooled {
  std::string prompt;
  Curve strength = 1;
  bool operator==(const Pooled&) const = default;
};

/** SDXL: size conditioning in pixels; absent ones stay. */
struct SizeConditioning {
  std::optional<std::pair<int, int>> original, crop, target;  ///< height, width; crop: top, left.
  bool operator==(const SizeConditioning&) const = default;
};

/** Another negative prompt. */
struct Negative {
  std::string prompt;
  bool operator==(const Negative&) const = default;
};

// -- Observers ----------------------------------------------------------------------------------

/** Watches without changing a bit of the picture. */
struct Capture {
  Tokens tokens;
  std::string name;  ///< Of the output; "" = the phrase.
  /** map: the running mean of attention to the tokens. keys: a recording for `share`, no tokens. features: a recording
   * for `features`, of what resnets add, no tokens. */
  enum class What { map, keys, features } what = What::map;
  bool operator==(const Capture&) const = default;
};

using Effect =
    std::variant<Inject, Reweight, MaskTokens, ReplaceTokens, ValueGain, Regions, Attend, Temperature, Smooth, Share,
                 PromptToPrompt, NormalizedGuidance, GuideBy, Lora, ControlNet, PicturePrompt, FreeU, Features, Blend,
                 Guidance, RescaledGuidance, ZeroStarGuidance, TangentialGuidance, ProjectedGuidance, FrequencyGuidance,
                 SkimmedGuidance, ThresholdedGuidance, Pooled, SizeConditioning, Negative, Capture>;

}  // namespace corepulse
