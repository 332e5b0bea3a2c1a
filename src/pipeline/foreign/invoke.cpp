// InvokeAI's "invokeai_metadata": one flat JSON object.
#include <set>

#include "io/python_json.h"
#include "pipeline/foreign/reading.h"

namespace corepulse::pipeline {
namespace {

class InvokeMetadata {
 public:
  explicit InvokeMetadata(io::Json json) : json_(std::move(json)) {}

  /** The value; null where it is missing or null itself. */
  const io::Json* take(const char* name) {
    taken_.insert(name);
    const auto found = json_.find(name);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }
  std::string text(const char* name) {
    const auto* value = take(name);
    return value && value->is_string() ? value->get<std::string>() : "";
  }
  /** What nobody took and says something. */
  void leave_out_rest(ForeignReading& reading) const {
    for (const auto& [name, value] : json_.items())
      if (!taken_.contains(name) && says_something(value)) reading.leave_out(name, foreign_shown(&value));
  }

 private:
  static bool says_something(const io::Json& value) {
    if (value.is_null() || value == false || value == "") return false;
    if (value.is_object())
      return std::any_of(value.begin(), value.end(),
                         [](const io::Json& part) { return !part.empty() && !part.is_null(); });
    return !value.is_array() || !value.empty();
  }

  io::Json json_;
  std::set<std::string> taken_;
};

/** "name" since version 4, "model_name" before; the model itself, or a LoRA's "lora" or "model". */
std::string name_of_entry(const io::Json& entry) {
  if (entry.is_string()) return entry.get<std::string>();
  if (!entry.is_object()) return foreign_shown(&entry);
  for (const char* name : {"name", "model_name"})
    if (const auto found = entry.find(name); found != entry.end() && found->is_string())
      return found->get<std::string>();
  return foreign_shown(&entry);
}

void take_invoke_loras(InvokeMetadata& data, ForeignReading& reading) {
  const auto* loras = data.take("loras");
  if (!loras || !loras->is_array()) return;
  for (const auto& lora : *loras) {
    const auto* named = &lora;
    for (const char* name : {"model", "lora"})
      if (lora.is_object() && lora.contains(name)) named = &lora[name];
    const bool weighed = lora.is_object() && lora.contains("weight");
    reading.name_network(name_of_entry(*named), weighed ? foreign_shown(&lora["weight"]) : "1");
  }
}

/** "dpmpp_2m_k": the sampler, and k for Karras' schedule. */
void take_invoke_sampler(InvokeMetadata& data, ForeignReading& reading) {
  auto name = data.text("scheduler");
  const bool karras = name.ends_with("_k");
  if (karras) name.resize(name.size() - 2);
  reading.take_sampler(name, karras ? "karras" : "");
}

void take_invoke_noise(InvokeMetadata& data, ForeignReading& reading) {
  const auto device = data.text("rand_device");
  if (device == "cuda") reading.recipe().rng = NoiseKind::cuda;
  if (!device.empty() && device != "cuda" && device != "cpu") reading.leave_out("rand_device", device);
}

void take_invoke_rest(InvokeMetadata& data, ForeignReading& reading) {
  if (const auto* skip = data.take("clip_skip")) reading.take_clip_skip(foreign_number(skip), foreign_shown(skip));
  if (const auto* strength = data.take("strength"))
    reading.take_strength(foreign_number(strength), foreign_shown(strength));
  if (const auto* rescale = data.take("cfg_rescale_multiplier")) {
    const auto number = foreign_number(rescale);
    if (number && *number >= 0 && *number <= 1)
      reading.recipe().guidance_rescale = *number;
    else
      reading.leave_out("cfg_rescale_multiplier", foreign_shown(rescale));
  }
  if (const auto* model = data.take("model")) reading.take_model("the model", name_of_entry(*model));
  if (const auto* vae = data.take("vae")) reading.take_model("VAE", name_of_entry(*vae));
  for (const char* harmless : {"app_version", "generation_mode", "metadata_version"}) data.take(harmless);
}

}  // namespace

PictureRecipe read_invoke_metadata(std::string_view text) {
  auto json = io::parse_python_json(text, "picture", {.depth = 64});
  if (!json.is_object() || !json.contains("positive_prompt") || !json["positive_prompt"].is_string())
    refuse_foreign(ErrorCode::invalid_request, "its invokeai_metadata holds no \"positive_prompt\"");
  InvokeMetadata data(std::move(json));
  ForeignReading reading({"InvokeAI", PromptSyntax::compel, Compat::diffusers, NoiseKind::cpu});
  reading.recipe().prompt = data.text("positive_prompt");  // compel knows no choices
  reading.recipe().negative_prompt = data.text("negative_prompt");
  // It writes the prompt twice where the second encoder reads the same.
  const auto apart = [](std::string second, const std::string& first) { return second == first ? "" : second; };
  reading.recipe().prompt_2 = apart(data.text("positive_style_prompt"), reading.recipe().prompt);
  reading.recipe().negative_prompt_2 = apart(data.text("negative_style_prompt"), reading.recipe().negative_prompt);
  const auto *steps = data.take("steps"), *guidance = data.take("cfg_scale"), *seed = data.take("seed");
  const auto *width = data.take("width"), *height = data.take("height");
  reading.take_steps(foreign_number(steps), foreign_shown(steps));
  reading.take_guidance(foreign_number(guidance), foreign_shown(guidance));
  reading.take_seed(foreign_seed(seed), foreign_shown(seed));
  reading.take_size(foreign_number(width), foreign_number(height),
                    foreign_shown(width) + " x " + foreign_shown(height));
  take_invoke_sampler(data, reading);
  take_invoke_noise(data, reading);
  take_invoke_loras(data, reading);
  take_invoke_rest(data, reading);
  data.leave_out_rest(reading);
  return std::move(reading).finish();
}

}  // namespace corepulse::pipeline
