// picture_prompt: what an adapter makes of pictures is read beside the text, or with it.
#include "control/effects/picture_prompt.h"

#include <algorithm>
#include <fmt/format.h>

#include "corepulse/recipe.h"
#include "corepulse/shorthand.h"

#include "base/fail.h"
#include "base/names.h"
#include "control/effects/describe.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {

template <>
std::span<const char* const> names_of<PicturePrompt::How>() {
  static constexpr const char* kWords[] = {"add", "share"};
  return kWords;
}

std::string picture_prompt_name(const Effect& effect) {
  corepulse::Control control{.effect = effect};
  auto& prompt = std::get<PicturePrompt>(control.effect);
  prompt.strength = prompt.gain_k = prompt.gain_v = 1, prompt.how = PicturePrompt::How::add;
  prompt.sha256.clear(), prompt.encoder_sha256.clear(), prompt.picture_sha256.clear();
  return to_json(std::vector{control}, -1);
}

namespace {

constexpr const char* kFileAndPictures =
    "the file of an IP-Adapter and pictures' names: adapter.safetensors=cat.png + dog.png";

class PicturePromptEffect : public AttentionEffect {
 public:
  PicturePromptEffect(const PicturePrompt& e, int picture, const PicturePromptInfo& info, std::string path)
      : AttentionEffect({&e.strength, &e.gain_k, &e.gain_v}),
        how_(e.how),
        picture_(picture),
        info_(info),
        count_(e.pictures.size() + e.data.size()),
        path_(std::move(path)) {}

  Rows default_rows() const override { return Rows::both; }
  bool behind() const override { return true; }
  std::string reads() const override {
    return fmt::format("{} tokens that an {} makes of {} picture{}", info_.tokens, info_.adapter, count_,
                       count_ == 1 ? "" : "s");
  }

  bool apply(Mix& mix, const Moment& m) const override {
    const Source source{m.row.conditional() ? Source::Kind::picture : Source::Kind::no_picture, picture_};
    const double keys = m.numbers[1], values = m.numbers[2];
    if (how_ == PicturePrompt::How::share) {
      mix.edit(m.part, [&](Draft& draft) { return join(draft, source, keys, values, m); });
      return true;
    }
    Draft draft{.sources = {source}, .share = m.part};
    draft.scale_keys(all(keys)), draft.scale_values(all(values));
    mix.add(std::move(draft));
    return true;
  }
  std::string neutral() const override { return "what it adds is nothing"; }

 private:
  std::vector<double> all(double gain) const { return std::vector<double>(static_cast<size_t>(info_.tokens), gain); }

  /** The picture's tokens behind those that the reading has. */
  bool join(Draft& draft, const Source& source, double keys, double values, const Moment& m) const {
    if (draft.sources[0].pictured()) return false;
    if (draft.mapped())
      fail(ErrorCode::invalid_request, path_ + ".how",
           "share: prompt_to_prompt looks as another image does, which has no place for a picture's tokens; expected "
           "how add");
    size_t before = 0;
    for (const auto& one : draft.sources)
      before += static_cast<size_t>(one.pictured() ? m.tables.pictures[static_cast<size_t>(one.id)].tokens
                                                   : m.tables.texts.keys(one.id));
    const auto extend = [&](std::vector<double>& numbers, double normal, double gain) {
      if (numbers.empty() && gain == normal) return;
      if (numbers.empty()) numbers.assign(before, normal);
      numbers.resize(before + static_cast<size_t>(info_.tokens), gain);
    };
    extend(draft.bias, 0, 0), extend(draft.key_gain, 1, keys), extend(draft.value_gain, 1, values);
    draft.sources.push_back(source);
    return true;
  }

  PicturePrompt::How how_;
  int picture_;
  PicturePromptInfo info_;
  size_t count_;
  std::string path_;
};

PicturePrompt& prompt_of(corepulse::Control& c) {
  return std::get<PicturePrompt>(c.effect);
}

void take_both_gains(Scanner& s, corepulse::Control& c) {
  const auto gain = s.curve();
  c = c.gains(gain, gain);
}

void take_adding(Scanner& s, corepulse::Control& c) {
  prompt_of(c).how = word_of<PicturePrompt::How>(s);
}

void take_encoder(Scanner& s, corepulse::Control& c) {
  prompt_of(c).encoder = s.file_name();
}

struct PicturePromptKind {
  using Struct = PicturePrompt;
  static constexpr const char* name = "picture_prompt";
  static constexpr bool any_strength = true;
  static constexpr ShortForm short_forms[] = {{"picture-prompt", parse_picture_prompt}};
  static constexpr Item number_items[] = {
      kStrength,
      {"gain", take_both_gains, "gain"},
      {"gain_k", [](Scanner& s, corepulse::Control& c) { prompt_of(c).gain_k = s.curve(); }, "gain_k"},
      {"gain_v", [](Scanner& s, corepulse::Control& c) { prompt_of(c).gain_v = s.curve(); }, "gain_v"}};
  static constexpr Item word_items[] = {{"how", take_adding, "how"}, {"encoder", take_encoder, "encoder"}};

  template <class V>
  static void fields(V& v) {
    v.required("file", &PicturePrompt::file);
    v("sha256", &PicturePrompt::sha256);
    v("pictures", &PicturePrompt::pictures);
    v("data", &PicturePrompt::data);
    v("picture_sha256", &PicturePrompt::picture_sha256);
    v("encoder", &PicturePrompt::encoder);
    v("encoder_sha256", &PicturePrompt::encoder_sha256);
    v("strength", &PicturePrompt::strength);
    v("how", &PicturePrompt::how);
    v("gain_k", &PicturePrompt::gain_k);
    v("gain_v", &PicturePrompt::gain_v);
  }
  static std::string subject(const PicturePrompt& e) { return quote(e.file); }
  static void check(const PicturePrompt& e, const corepulse::Control&, const std::string& path) {
    constexpr size_t kMost = 64;
    const size_t pictures = e.pictures.size() + e.data.size();
    if (e.file.empty()) refuse(path + ".file", "no name; expected the file of an IP-Adapter");
    if (pictures == 0) refuse(path + ".pictures", "none; expected pictures' names, or data, the pictures themselves");
    if (pictures > kMost) refuse(path + ".pictures", fmt::format("{}; expected at most {}", pictures, kMost));
    const auto is_empty = [](const std::string& text) { return text.empty(); };
    if (std::any_of(e.pictures.begin(), e.pictures.end(), is_empty)) refuse(path + ".pictures", "one has no name");
    if (std::any_of(e.data.begin(), e.data.end(), is_empty)) refuse(path + ".data", "one is empty");
    if (!e.picture_sha256.empty() && e.picture_sha256.size() != e.pictures.size())
      refuse(path + ".picture_sha256",
             fmt::format("{} of {} pictures; expected one for each, or none", e.picture_sha256.size(), pictures));
    check_curve(e.strength, e.how == PicturePrompt::How::add ? Range::any : Range::share, path + ".strength");
    check_curve(e.gain_k, Range::any, path + ".gain_k");
    check_curve(e.gain_v, Range::any, path + ".gain_v");
  }
  static EffectPointer attention(const PicturePrompt& e, Mode, Tables& tables, const std::string& path) {
    const auto wanted = picture_prompt_name(e);
    const auto found = std::find_if(tables.pictures.begin(), tables.pictures.end(),
                                    [&](const auto& info) { return info.name == wanted; });
    if (found == tables.pictures.end())
      fail(ErrorCode::invalid_request, path + ".file", fmt::format("no IP-Adapter {} is loaded", quote(e.file)));
    return std::make_unique<PicturePromptEffect>(e, static_cast<int>(found - tables.pictures.begin()), *found, path);
  }
};

}  // namespace

template <>
const Kind& kind<PicturePrompt>() {
  return described<PicturePromptKind>();
}

}  // namespace control

Control picture_prompt(std::string file, std::vector<std::string> pictures, Curve strength) {
  return {.effect =
              PicturePrompt{.file = std::move(file), .pictures = std::move(pictures), .strength = std::move(strength)}};
}

Control parse_picture_prompt(std::string_view text) {
  constexpr const char* kForm = "picture_prompt";
  const auto [subject, items] = control::split(kForm, text, control::kFileAndPictures);
  auto file = control::phrase_before(kForm, text, subject, "=", control::kFileAndPictures);
  auto rest = subject.substr(subject.rfind('=') + 1);
  std::vector<std::string> pictures;
  for (size_t end = rest.find(" + "); end != rest.npos; end = rest.find(" + ")) {
    pictures.push_back(control::trimmed(rest.substr(0, end)));
    rest.remove_prefix(end + 3);
  }
  pictures.push_back(control::trimmed(rest));
  return control::with_items(picture_prompt(std::move(file), std::move(pictures)), kForm, text, items);
}

}  // namespace corepulse
