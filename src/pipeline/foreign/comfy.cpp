// ComfyUI's "prompt": from the picture that was saved back through its graph to what drew it.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <tuple>

#include "io/python_json.h"
#include "io/utf8.h"
#include "pipeline/foreign/comfy_passes.h"
#include "pipeline/foreign/reading.h"

namespace corepulse::pipeline {
namespace {

/** The strength with which compat comfy runs the steps from `from` on of a schedule of just so many. */
double strength_of_part(double steps, double from) {
  const double strength = (steps - from) / steps;
  return from > 0 ? std::nextafter(strength, 0.0) : strength;
}

bool is_any_of(const ComfyNode& node, std::initializer_list<std::string_view> kinds) {
  return std::find(kinds.begin(), kinds.end(), node.kind) != kinds.end();
}

class ComfyReader {
 public:
  ComfyReader(io::Json json, const std::string& loras)
      : nodes_(std::move(json)), reading_({"ComfyUI", PromptSyntax::comfy, Compat::comfy, NoiseKind::cpu}, loras) {}

  PictureRecipe operator()() {
    follow_latent(find_sampler());
    const auto& first = passes_.back().sampling;
    take_passes();
    take_sampler(first);
    const auto prompt = follow_text(first, "positive"), negative = follow_text(first, "negative");
    reading_.take_prompts(prompt.first, negative.first);
    reading_.take_second_prompts(prompt.second, negative.second);
    follow_model(first);
    take_loras();
    return std::move(reading_).finish();
  }

 private:
  const ComfyNode& find_sampler();
  const ComfyNode* sampler_of(const ComfyNode& output, std::vector<const ComfyNode*>& passed);
  void follow_latent(const ComfyNode& last);
  bool take_start(const ComfyNode& node, const ComfySampling& sampling);
  void take_passes();
  bool take_refiner(const ComfySampling& first, const ComfySampling& last);
  void take_sampler(const ComfySampling& sampling);
  void take_part_of_schedule(const ComfySampling& sampling);
  /** What the first text encoder reads, and the second where it is something else. */
  using Texts = std::pair<std::string, std::string>;
  Texts follow_text(const ComfySampling& sampling, std::string_view side);
  Texts take_text(const ComfyNode& node);
  void follow_clip(const ComfyNode& text);
  void follow_model(const ComfySampling& sampling);
  void take_loader(const ComfyNode& node, bool of_text);
  void take_loras();

  std::optional<double> number(const ComfyNode& node, std::string_view name) const {
    return foreign_number(comfy_value(nodes_, node, name));
  }
  std::string shown(const ComfyNode& node, std::string_view name) const {
    return foreign_shown(comfy_value(nodes_, node, name));
  }
  std::string word(const ComfyNode& node, std::string_view name) const {
    const auto* value = comfy_value(nodes_, node, name);
    return value && value->is_string() ? value->get<std::string>() : "";
  }

  /** A node that loads a LoRA, and how often it was met: on the model's way, on those of the two prompts. */
  struct MetLora {
    const ComfyNode* node;
    int of_model = 0, of_text = 0;
  };

  ComfyNodes nodes_;
  std::vector<ComfyPass> passes_;  // the last first
  std::vector<MetLora> loras_;
  ForeignReading reading_;
  bool skip_taken_ = false;
};

/** From a node that takes pictures to the sampler that drew them; null if none did. */
const ComfyNode* ComfyReader::sampler_of(const ComfyNode& output, std::vector<const ComfyNode*>& passed) {
  ComfyWalk walk;
  for (const auto* node = &output; node;) {
    walk.visit(*node);
    if (is_comfy_sampler(*node)) return node;
    passed.push_back(node);
    const auto* next = nodes_.behind(*node, {"images", "samples", "image", "latent_image", "latent", "pixels"});
    node = !next && is_reroute(*node) ? nodes_.behind_any(*node) : next;
  }
  return nullptr;
}

/** That of the first node that saves pictures, else of one that shows them, else the only one there is. */
const ComfyNode& ComfyReader::find_sampler() {
  const ComfyNode *found = nullptr, *by = nullptr;
  std::vector<const ComfyNode*> passed;
  for (const std::string_view kind : {"Save", "Preview", ""})
    for (const auto& node : nodes_.all()) {
      if (node.kind.find(kind) == std::string::npos || !(kind.empty() ? is_comfy_sampler(node) : node.links("images")))
        continue;
      std::vector<const ComfyNode*> way;
      const auto* sampler = sampler_of(node, way);
      if (found && sampler && sampler != found && !kind.empty())
        reading_.note(
            fmt::format("the picture is taken for that of {}; there is one of {}, too", by->shown(), node.shown()));
      if (!found && sampler) found = sampler, by = &node, passed = std::move(way);
    }
  if (!found)
    refuse_foreign(ErrorCode::invalid_request,
                   "its graph of ComfyUI has no KSampler, KSamplerAdvanced or SamplerCustom");
  for (const auto* node : passed) {
    if (const auto* vae = nodes_.behind(*node, {"vae"}); vae && vae->kind == "VAELoader")
      reading_.take_model("VAE", word(*vae, "vae_name"));
    if (node != by && !is_reroute(*node) && !is_any_of(*node, {"VAEDecode", "VAEDecodeTiled"}))
      reading_.leave_out(node->shown());
  }
  return *found;
}

/** Back to the sampler that began, in front of those that went on with its latent. */
void ComfyReader::follow_latent(const ComfyNode& last) {
  ComfyWalk walk;
  passes_.push_back({comfy_sampling(nodes_, last), {}});
  const ComfyNode* node = &last;
  while (true) {
    walk.visit(*node);
    const auto* next = nodes_.behind(
        *node, {"latent_image", "samples", "latent", "samples1", "samples_to", "pixels", "image", "images"});
    if (!next && is_reroute(*node)) next = nodes_.behind_any(*node);
    if (!next) break;
    node = next;
    if (is_comfy_sampler(*node))
      passes_.push_back({comfy_sampling(nodes_, *node), {}});
    else if (take_start(*node, passes_.back().sampling))
      break;
    else if (!is_reroute(*node))
      passes_.back().before.push_back(node);
  }
  for (const auto* met : passes_.back().before)
    if (!met->kind.starts_with("VAE")) reading_.leave_out(met->shown());
}

/** Two samplers are a run that a refiner ends, or two passes, where a recipe does the same; else the first is read. */
void ComfyReader::take_passes() {
  const auto& first = passes_.back().sampling;
  if (passes_.size() == 2) {
    const auto& last = passes_.front();
    if (last.before.empty() && take_refiner(first, last.sampling)) return;
    if (auto pass = comfy_second_pass(nodes_, first, last, reading_.recipe())) {
      reading_.recipe().second_pass = std::move(pass);
      reading_.note(fmt::format("{} is the recipe's second_pass; --no-second-pass draws the first pass alone",
                                last.sampling.node->shown()));
      if (foreign_shown(last.sampling.seed) != foreign_shown(first.seed))
        reading_.leave_out("the second pass's seed", foreign_shown(last.sampling.seed));
      for (const auto& left : last.sampling.left_out) reading_.leave_out(left);
      return;
    }
  }
  for (size_t i = passes_.size() - 1; i-- > 0;) {
    const auto& pass = passes_[i];
    const auto steps = [](const std::optional<double>& number) {
      return number ? fmt::format("{}", *number) : "(not said)";
    };
    reading_.leave_out(fmt::format(
        "a further pass, {}: {} steps, {}", pass.sampling.node->shown(), steps(pass.sampling.steps),
        pass.sampling.from ? "from step " + steps(pass.sampling.from) : "denoise " + steps(pass.sampling.denoise)));
    for (const auto* met : pass.before)
      if (!met->kind.starts_with("VAE")) reading_.leave_out(met->shown());
  }
}

/** A second sampler that goes on at the first one's noise level. */
bool ComfyReader::take_refiner(const ComfySampling& first, const ComfySampling& last) {
  const bool goes_on = last.from && first.to && last.from == first.to && last.steps == first.steps &&
                       !last.adds_noise && last.sampler == first.sampler && last.scheduler == first.scheduler &&
                       first.left_out.empty() && last.left_out.empty() && last.sigmas == first.sigmas &&
                       last.timesteps == first.timesteps &&
                       (first.keeps_noise || first.node->kind != "KSamplerAdvanced");
  const double steps = first.steps.value_or(0), from = last.from.value_or(0);
  if (!goes_on || !(from > 0 && from < steps) || (last.to && *last.to < steps)) return false;
  reading_.recipe().refiner = Refiner{"", from / steps};
  std::string name;
  ComfyWalk walk;
  for (const auto* node = nodes_.behind(*last.guider, {"model"}); node;) {
    walk.visit(*node);
    for (const char* input : {"ckpt_name", "unet_name"})
      if (node->input(input)) name = word(*node, input);
    const auto* next = nodes_.behind(*node, {"model"});
    node = !next && is_reroute(*node) ? nodes_.behind_any(*node) : next;
  }
  reading_.note(fmt::format("{} goes on with the model {} at step {:g}: give it (--refiner FILE), or --no-refiner",
                            last.node->shown(), io::printable(name), from));
  for (const char* side : {"positive", "negative"}) {
    const auto* text = nodes_.behind(*last.guider, {side});
    const auto score = text ? number(*text, "ascore") : std::nullopt;
    auto& recipe = reading_.recipe();
    if (score && *score >= 0 && *score <= 10)
      (side[0] == 'p' ? recipe.aesthetic_score : recipe.negative_aesthetic_score) = *score;
  }
  if (last.guidance != first.guidance)
    reading_.leave_out("the refiner's guidance", fmt::format("{}", last.guidance.value_or(0)));
  return true;
}

/** Whether the latent comes from here: an empty one, or a picture. */
bool ComfyReader::take_start(const ComfyNode& node, const ComfySampling& sampling) {
  const auto shown_number = [](const std::optional<double>& number) {
    return number ? fmt::format("{}", *number) : std::string("(not said)");
  };
  if (node.input("width") && node.input("height") && node.kind.starts_with("Empty")) {
    reading_.take_size(number(node, "width"), number(node, "height"),
                       shown(node, "width") + " x " + shown(node, "height"));
    if (const auto batch = number(node, "batch_size"); batch && *batch > 1)
      reading_.note(fmt::format(
          "it is one of a batch of {}, whose noise ComfyUI draws at once: the seed repeats the first", *batch));
    if (sampling.denoise && *sampling.denoise < 1)
      reading_.leave_out("denoise of an empty latent", shown_number(sampling.denoise));
    return true;
  }
  if (!node.kind.starts_with("VAEEncode") && node.kind != "LoadLatent") return false;
  const auto* picture = nodes_.behind(node, {"pixels"});
  if (std::vector<const ComfyNode*> way; picture && sampler_of(*picture, way)) return false;  // another pass drew it
  const auto& [steps, from] = std::tie(sampling.steps, sampling.from);
  const bool part = from || sampling.node->kind == "KSamplerAdvanced";
  reading_.take_strength(!part                         ? sampling.denoise
                         : steps && from && *steps > 0 ? std::optional(strength_of_part(*steps, *from))
                                                       : std::nullopt,
                         shown_number(part ? from : sampling.denoise));
  if (node.kind != "VAEEncode" && node.kind != "VAEEncodeTiled") reading_.leave_out(node.shown());
  if (picture && picture->input("image")) reading_.leave_out("the picture", shown(*picture, "image"));
  return true;
}

/** A part of a sampler's steps: compat comfy runs all of a recipe's, of a longer schedule. */
void ComfyReader::take_part_of_schedule(const ComfySampling& sampling) {
  const auto& [steps, from, to] = std::tie(sampling.steps, sampling.from, sampling.to);
  auto& recipe = reading_.recipe();
  if (from && steps && *from > 0 && *from < *steps) {
    if (recipe.init)
      reading_.take_steps(*steps - *from, fmt::format("{}", *from));
    else
      reading_.leave_out("start_at_step", fmt::format("{}", *from));
  }
  if (to && steps && *to < *steps && !recipe.refiner) reading_.leave_out("end_at_step", fmt::format("{}", *to));
  if (!sampling.adds_noise) reading_.leave_out("add_noise", "disable");
}

void ComfyReader::take_sampler(const ComfySampling& sampling) {
  auto& recipe = reading_.recipe();
  reading_.take_seed(foreign_seed(sampling.seed), foreign_shown(sampling.seed));
  reading_.take_guidance(sampling.guidance, sampling.guidance ? fmt::format("{}", *sampling.guidance) : "(not said)");
  reading_.take_sampler(sampling.sampler, sampling.scheduler);
  if (sampling.sigmas.empty() && sampling.timesteps.empty()) {
    reading_.take_steps(sampling.steps, sampling.steps ? fmt::format("{}", *sampling.steps) : "(not said)");
  } else {
    recipe.sigmas = sampling.sigmas, recipe.timesteps = sampling.timesteps;
    recipe.steps = static_cast<int>(std::max(sampling.sigmas.size(), sampling.timesteps.size()));
    recipe.schedule = ScheduleKind::model;
  }
  if (sampling.eta && *sampling.eta >= 0 && *sampling.eta <= 1) recipe.eta = *sampling.eta;
  for (const auto& left : sampling.left_out) reading_.leave_out(left);
  take_part_of_schedule(sampling);
}

ComfyReader::Texts ComfyReader::take_text(const ComfyNode& node) {
  follow_clip(node);
  if (node.input("text_g") && node.input("text_l")) {
    auto local = word(node, "text_l"), global = word(node, "text_g");
    if (global == local)
      global.clear();
    else if (global.empty())
      global = " ";  // no tokens; "" would mean the first one's
    const auto& recipe = reading_.recipe();
    for (const auto& [name, own] : {std::pair{"width", recipe.width},
                                    {"target_width", recipe.width},
                                    {"height", recipe.height},
                                    {"target_height", recipe.height},
                                    {"crop_w", 0},
                                    {"crop_h", 0}})
      if (const auto size = number(node, name); size && *size != own)
        reading_.leave_out(fmt::format("{} of {}", name, node.shown()), shown(node, name));
    return {std::move(local), std::move(global)};
  }
  const auto* text = comfy_value(nodes_, node, "text");
  if (text && text->is_string()) return {text->get<std::string>(), ""};
  reading_.note(
      fmt::format("the text of {} cannot be told: it is made by another node when the graph runs", node.shown()));
  return {};
}

/** From a sampler's conditioning to the text that it was made of. */
ComfyReader::Texts ComfyReader::follow_text(const ComfySampling& sampling, std::string_view side) {
  ComfyWalk walk;
  const auto& guider = *sampling.guider;
  const bool unguided = guider.kind == "BasicGuider";
  if (unguided && side == "negative") return {};
  for (const auto* node = &guider; node;) {
    walk.visit(*node);
    if (node->input("text") || (node->input("text_g") && node->input("text_l"))) return take_text(*node);
    if (node != &guider && !is_reroute(*node)) reading_.leave_out(node->shown());
    const auto* next = nodes_.behind(*node, {side, "conditioning", "conditioning_1", "conditioning_to"});
    node = !next && is_reroute(*node) ? nodes_.behind_any(*node) : next;
  }
  reading_.note(fmt::format("no text was found behind \"{}\" of {}", side, guider.shown()));
  return {};
}

void ComfyReader::follow_clip(const ComfyNode& text) {
  ComfyWalk walk;
  for (const auto* node = &text; node;) {
    walk.visit(*node);
    if (const auto stop = number(*node, "stop_at_clip_layer"); stop && node->kind == "CLIPSetLastLayer") {
      if (!skip_taken_) reading_.take_clip_skip(-*stop - 1, shown(*node, "stop_at_clip_layer"));
      if (!skip_taken_ && *stop == -2)
        reading_.note(
            "stop_at_clip_layer -2 is --clip-skip 1 here; with SDXL models it is what they do without: there it is 0");
      skip_taken_ = true;
    } else if (node != &text) {
      take_loader(*node, /*of_text=*/true);
    }
    const auto* next = nodes_.behind(*node, {"clip"});
    node = !next && is_reroute(*node) ? nodes_.behind_any(*node) : next;
  }
}

void ComfyReader::follow_model(const ComfySampling& sampling) {
  ComfyWalk walk;
  for (const auto* node = sampling.guider; node;) {
    walk.visit(*node);
    if (node != sampling.guider) take_loader(*node, /*of_text=*/false);
    const auto* next = nodes_.behind(*node, {"model"});
    node = !next && is_reroute(*node) ? nodes_.behind_any(*node) : next;
  }
}

/** A node on the way to the checkpoint; the same one is met by the model and by its text encoder. */
void ComfyReader::take_loader(const ComfyNode& node, bool of_text) {
  for (const char* name : {"ckpt_name", "unet_name", "clip_name", "clip_name1", "clip_name2"})
    if (node.input(name))
      reading_.take_model(std::string_view(name).starts_with("clip") ? "the text encoder" : "the model",
                          word(node, name));
  if (node.kind.find("Loader") != std::string::npos &&
      (node.input("ckpt_name") || node.input("unet_name") || node.input("clip_name") || node.input("clip_name1")))
    return;
  if (node.input("lora_name")) {
    auto met = std::find_if(loras_.begin(), loras_.end(), [&](const auto& lora) { return lora.node == &node; });
    if (met == loras_.end()) met = loras_.insert(met, {&node});
    ++(of_text ? met->of_text : met->of_model);
    return;
  }
  if (!is_reroute(node) && !(of_text && node.links("model"))) reading_.leave_out(node.shown());
}

/** One that neither way meets changes nothing there; one that only one prompt's way meets changes both here. */
void ComfyReader::take_loras() {
  for (const auto& [node, of_model, of_text] : loras_) {
    const auto name = word(*node, "lora_name");
    const auto strength = number(*node, "strength_model"), text_strength = number(*node, "strength_clip");
    const bool known = (of_model == 0 || strength) && (of_text == 0 || text_strength);
    const ForeignLora found{name, of_model ? strength.value_or(0) : 0, of_text ? text_strength.value_or(0) : 0,
                            DoraReading::comfy};
    if (!known || !reading_.take_lora(found))
      reading_.name_network(name, shown(*node, "strength_model"));
    else if (of_text == 1)
      reading_.note(fmt::format("{} stands before one of the prompts alone; here it acts on both", node->shown()));
  }
}

}  // namespace

PictureRecipe read_comfy_graph(std::string_view text, const std::string& loras) {
  return ComfyReader(io::parse_python_json(text, "picture", {.depth = 64}), loras)();
}

}  // namespace corepulse::pipeline
