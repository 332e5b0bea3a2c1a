// share: looks at another image of the batch, or at a recorded run.
#include <algorithm>
#include <fmt/format.h>

#include "corepulse/shorthand.h"

#include "base/fail.h"
#include "base/names.h"
#include "control/effects/describe.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {

template <>
std::span<const char* const> names_of<Share::How>() {
  static constexpr const char* kWords[] = {"with", "instead"};
  return kWords;
}

/** "union", as recipes said before, is `with`. */
std::optional<Share::How> older_word(std::string_view word, Type<Share::How>) {
  return word == "union" ? std::optional(Share::How::with) : std::nullopt;
}

namespace {

class ShareEffect : public AttentionEffect {
 public:
  ShareEffect(const Share& e, Source source)
      : AttentionEffect({&e.strength}), how_(e.how), align_(e.align), source_(source) {}

  AttentionKind attention() const override { return AttentionKind::self; }
  std::optional<int> image() const override { return id_of(Source::Kind::image); }
  std::optional<int> recording() const override { return id_of(Source::Kind::recording); }
  bool apply(Mix& mix, const Moment& m) const override {
    // The image that is looked at goes its own way.
    if (image() == m.row.image) return false;
    if (how_ == Share::How::instead) {
      mix.append({{.sources = {source_}, .share = m.part}}, m.part);
      return true;
    }
    mix.edit(m.part, [&](Draft& draft) {
      draft.sources.push_back(source_);
      if (align_) draft.align = source_;
      if (!draft.values.empty()) draft.values.push_back(source_);
      const auto keys = static_cast<size_t>(m.grid.tokens()) * draft.sources.size();
      if (!draft.bias.empty()) draft.bias.resize(keys, 0);
      if (!draft.key_gain.empty()) draft.key_gain.resize(keys, 1);
      if (!draft.value_gain.empty()) draft.value_gain.resize(keys, 1);
      return true;
    });
    return true;
  }
  std::string never(const std::string&) const override {
    return fmt::format("image {} would look at itself; expected other images in the batch", source_.id);
  }
  std::string neutral() const override { return "the strength is 0"; }

 private:
  std::optional<int> id_of(Source::Kind kind) const {
    return source_.kind == kind ? std::optional(source_.id) : std::nullopt;
  }
  Share::How how_;
  bool align_;
  Source source_;
};

// "0" is an image of the batch; a recording's file has a longer name.
bool is_index(const std::string& text) {
  return text.size() < 10 && text.find_first_not_of("0123456789") == text.npos;
}

void take_how(Scanner& s, corepulse::Control& c) {
  std::get<Share>(c.effect).how = word_of<Share::How>(s);
}

void take_align(Scanner&, corepulse::Control& c) {
  std::get<Share>(c.effect).align = true;
}

struct ShareKind {
  using Struct = Share;
  static constexpr const char* name = "share";
  static constexpr ShortForm short_forms[] = {{"share", parse_share}};
  static constexpr Item word_items[] = {{"how", take_how, "how"}, {"align", take_align, "align"}};

  template <class V>
  static void fields(V& v) {
    v("image", &Share::image);
    v("recording", &Share::recording);
    v("sha256", &Share::sha256);
    v("how", &Share::how);
    v("align", &Share::align);
    v("strength", &Share::strength);
  }
  static void check(const Share& e, const corepulse::Control&, const std::string& path) {
    if (e.image.has_value() == !e.recording.empty())
      refuse(path, "expected either image (an index in the batch) or recording (a name)");
    if (e.align && (!e.image || e.how != Share::How::with))
      refuse(path + ".align", "it belongs to an image that is looked at too; leave it out, or expected how with");
    if (!e.sha256.empty() && e.recording.empty()) refuse(path + ".sha256", "it belongs to a recording; leave it out");
  }
  static EffectPointer attention(const Share& e, Mode, Tables& tables, const std::string& path) {
    if (e.image) return std::make_unique<ShareEffect>(e, Source{Source::Kind::image, *e.image});
    std::vector<std::string> names;
    for (const auto& recording : tables.recordings) names.push_back(recording.name);
    const auto found = std::find(names.begin(), names.end(), e.recording);
    if (found == names.end())
      fail(ErrorCode::invalid_request, path + ".recording",
           fmt::format("no recording {} is loaded; {}", quote(e.recording), choices(e.recording, names)));
    const int index = static_cast<int>(found - names.begin());
    return std::make_unique<ShareEffect>(e, Source{Source::Kind::recording, index});
  }
};

}  // namespace

template <>
const Kind& kind<Share>() {
  return described<ShareKind>();
}

}  // namespace control

Control share_image(int image, Share::How how) {
  return {.effect = Share{.image = image, .how = how}};
}

Control share_recording(std::string file, Share::How how) {
  return {.effect = Share{.recording = std::move(file), .how = how}};
}

Control parse_share(std::string_view text) {
  return control::of_words("share", text, "the number of an image of the batch, or the file of a recording",
                           [](std::string source) {
                             if (control::is_index(source)) return share_image(std::stoi(source));
                             return share_recording(std::move(source), Share::How::with);
                           });
}

}  // namespace corepulse
