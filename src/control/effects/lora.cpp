// lora: the model's weights as an adapter file changes them.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "corepulse/shorthand.h"

#include "base/fail.h"
#include "base/names.h"
#include "control/effects/describe.h"
#include "control/effects/lora_blocks.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {

template <>
std::span<const char* const> names_of<DoraReading>() {
  static constexpr const char* kWords[] = {"blended", "lycoris", "comfy"};
  return kWords;
}

namespace {

constexpr const char* kFile = "the file of a LoRA, and its strength: style.safetensors=0.8";

void take_text_strength(Scanner& s, corepulse::Control& c) {
  std::get<Lora>(c.effect).text_strength = s.curve();
}

void take_blocks(Scanner& s, corepulse::Control& c) {
  auto& blocks = std::get<Lora>(c.effect).blocks;
  blocks.push_back(s.number());
  for (Scanner ahead = s;; ahead = s) {
    ahead.take(",");  // no other item begins with a number
    if (!ahead.at_number()) return;
    s = ahead;
    blocks.push_back(s.number());
  }
}

void take_dora(Scanner& s, corepulse::Control& c) {
  std::get<Lora>(c.effect).dora = word_of<DoraReading>(s);
}

struct LoraKind {
  using Struct = Lora;
  static constexpr const char* name = "lora";
  static constexpr CommonFields common{.heads = false};
  static constexpr ShortForm short_forms[] = {{"lora", parse_lora}};
  static constexpr Item word_items[] = {{"dora", take_dora, "dora"}, {"blocks", take_blocks, "blocks"}};
  static constexpr Item number_items[] = {kStrength, {"text_strength", take_text_strength, "text_strength"}};

  template <class V>
  static void fields(V& v) {
    v.required("file", &Lora::file);
    v("sha256", &Lora::sha256);
    v("strength", &Lora::strength);
    v("text_strength", &Lora::text_strength);
    v("blocks", &Lora::blocks);
    v("strict", &Lora::strict);
    v("dora", &Lora::dora);
  }
  static std::string subject(const Lora& e) { return quote(e.file); }
  static void check(const Lora& e, const corepulse::Control&, const std::string& path) {
    if (e.file.empty()) refuse(path + ".file", "no name; expected the file of a LoRA");
    check_curve(e.strength, Range::any, path + ".strength");
    if (e.text_strength) check_curve(*e.text_strength, Range::any, path + ".text_strength");
    if (!e.blocks.empty() && e.blocks.size() != kBlocks && e.blocks.size() != kBlocksXL)
      refuse(path + ".blocks",
             fmt::format("{} numbers; expected {}, for SDXL {}", e.blocks.size(), kBlocks, kBlocksXL));
    for (const double block : e.blocks)
      if (!std::isfinite(block)) refuse(path + ".blocks", "expected finite numbers");
  }
  static WeightUse weights(const Lora& e, const corepulse::Control& control, const ProgramInputs& inputs,
                           const std::string& path) {
    const auto found = std::find_if(inputs.adapters.begin(), inputs.adapters.end(), [&](const auto& a) {
      return a.name == e.file && a.strict == e.strict && a.dora == e.dora;
    });
    if (found == inputs.adapters.end())
      fail(ErrorCode::invalid_request, path + ".file", fmt::format("no LoRA {} is loaded", quote(e.file)));
    if (const auto blocks = inputs.pooled ? kBlocksXL : kBlocks; !e.blocks.empty() && e.blocks.size() != blocks)
      refuse(path + ".blocks", fmt::format("{} numbers; expected {} for this model", e.blocks.size(), blocks));
    WeightUse use{
        .adapter = static_cast<int>(found - inputs.adapters.begin()), .strength = &e.strength, .blocks = &e.blocks};
    if (e.text_strength)
      use.text_strength = &*e.text_strength;
    else if (control.where.empty())
      use.text_strength = &e.strength;
    return use;
  }
};

}  // namespace

template <>
const Kind& kind<Lora>() {
  return described<LoraKind>();
}

}  // namespace control

Control lora(std::string file, Curve strength) {
  return {.effect = Lora{.file = std::move(file), .strength = std::move(strength)}};
}

Control parse_lora(std::string_view text) {
  const auto [subject, items] = control::split("lora", text, control::kFile);
  if (subject.find('=') == subject.npos)
    return control::with_items(lora(control::trimmed(subject)), "lora", text, items);
  auto file = control::phrase_before("lora", text, subject, "=", control::kFile);
  return control::with_items(lora(std::move(file), control::curve_behind("lora", subject, "=")), "lora", text, items);
}

}  // namespace corepulse
