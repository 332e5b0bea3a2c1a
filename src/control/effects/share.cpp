// share: looks at another image of the batch, or at a recorded run.
#include <fmt/format.h>

#include "corepulse/shorthand.h"

#include "control/effects/describe.h"
#include "control/effects/source.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {

template <>
std::span<const char* const> names_of<Share::How>() {
  static constexpr const char* kWords[] = {"with", "instead", "map"};
  return kWords;
}

/** "union", as recipes said before, is `with`. */
std::optional<Share::How> older_word(std::string_view word, Type<Share::How>) {
  return word == "union" ? std::optional(Share::How::with) : std::nullopt;
}

namespace {

/** What a reading holds of its own keys, and of those that stand behind them. */
void extend(std::vector<double>& numbers, size_t own, size_t all, double normal, double behind) {
  if (numbers.empty() && behind == normal) return;
  numbers.resize(own, normal);
  numbers.resize(all, behind);
}

class ShareEffect : public AttentionEffect {
 public:
  ShareEffect(const Share& e, Source source)
      : AttentionEffect({&e.strength, &e.gain_k, &e.gain_v, &e.shift, &e.fidelity}), share_(e), source_(source) {}

  AttentionKind attention() const override { return AttentionKind::self; }
  std::optional<int> image() const override { return id_of(Source::Kind::image); }
  std::optional<int> recording() const override { return id_of(Source::Kind::recording); }
  bool apply(Mix& mix, const Moment& m) const override {
    // The image that is looked at goes its own way.
    if (image() == m.row.image) return false;
    const auto part = m.row.conditional() ? m.part : m.part * Part{.values = {1 - m.numbers[4]}};
    if (share_.how == Share::How::map) {
      mix.edit(part, [&](Draft& draft) { return look_as(draft, m); });
      return true;
    }
    if (share_.how == Share::How::instead) {
      Draft other{.sources = {source_}, .share = part};
      look(other, 0, m);
      mix.append({other}, part);
      return true;
    }
    mix.edit(part, [&](Draft& draft) {
      const auto own = draft.sources.size();
      draft.sources.push_back(source_);
      if (!draft.values.empty()) draft.values.push_back(source_);
      if (share_.align) draft.align = source_, draft.align_values |= share_.align_values;
      look(draft, own, m);
      return true;
    });
    return true;
  }
  std::string never(const std::string&) const override {
    return fmt::format("image {} would look at itself; expected other images in the batch", source_.id);
  }
  bool any_row() const override { return share_.how == Share::How::map; }
  std::string neutral() const override {
    const std::string nothing = "its strength is 0, or what fidelity leaves of it";
    return share_.how == Share::How::map ? nothing + ", or all look at others already by what stands before it"
                                         : nothing;
  }

 private:
  std::optional<int> id_of(Source::Kind kind) const {
    return source_.kind == kind ? std::optional(source_.id) : std::nullopt;
  }
  /** Its own attention to itself becomes the source's. */
  bool look_as(Draft& draft, const Moment& m) const {
    const Source own{Source::Kind::own, 0};
    if (draft.sources != std::vector{own} || draft.mapped() || draft.query) return false;
    draft = {.value_gain = draft.value_gain, .share = draft.share, .query = source_, .values = {own}};
    draft.sources = {source_};
    extend(draft.key_gain, 0, static_cast<size_t>(m.grid.tokens()), 1, m.numbers[1]);
    return true;
  }
  /** The numbers of the source's keys, behind those of `own` sources. */
  static void look(Draft& draft, size_t own, const Moment& m) {
    const auto pixels = static_cast<size_t>(m.grid.tokens());
    const size_t before = own * pixels, all = draft.sources.size() * pixels;
    extend(draft.bias, before, all, 0, m.numbers[3]);
    extend(draft.key_gain, before, all, 1, m.numbers[1]);
    extend(draft.value_gain, before, all, 1, m.numbers[2]);
  }

  const Share& share_;
  Source source_;
};

Share& share_of(corepulse::Control& c) {
  return std::get<Share>(c.effect);
}

void take_share_gains(Scanner& s, corepulse::Control& c) {
  const auto gain = s.curve();
  c = c.gains(gain, gain);
}

template <Curve Share::* number>
void take_share_number(Scanner& s, corepulse::Control& c) {
  share_of(c).*number = s.curve();
}

void take_how(Scanner& s, corepulse::Control& c) {
  share_of(c).how = word_of<Share::How>(s);
}

struct ShareKind {
  using Struct = Share;
  static constexpr const char* name = "share";
  static constexpr ShortForm short_forms[] = {{"share", parse_share}};
  static constexpr Item number_items[] = {kStrength,
                                          {"gain", take_share_gains, "gain"},
                                          {"gain_k", take_share_number<&Share::gain_k>, "gain_k"},
                                          {"gain_v", take_share_number<&Share::gain_v>, "gain_v"},
                                          {"shift", take_share_number<&Share::shift>, "shift"},
                                          {"fidelity", take_share_number<&Share::fidelity>, "fidelity"}};
  static constexpr Item word_items[] = {
      {"how", take_how, "how"},
      {"align", [](Scanner&, corepulse::Control& c) { share_of(c).align = true; }, "align"},
      {"align_values", [](Scanner&, corepulse::Control& c) { share_of(c).align_values = true; }, "align_values"}};

  template <class V>
  static void fields(V& v) {
    v("image", &Share::image);
    v("recording", &Share::recording);
    v("sha256", &Share::sha256);
    v("how", &Share::how);
    v("align", &Share::align);
    v("align_values", &Share::align_values);
    v("gain_k", &Share::gain_k);
    v("gain_v", &Share::gain_v);
    v("shift", &Share::shift);
    v("fidelity", &Share::fidelity);
    v("strength", &Share::strength);
  }
  static void check(const Share& e, const corepulse::Control& control, const std::string& path) {
    check_source(e, path);
    const bool with = e.how == Share::How::with;
    if (e.align && !with)
      refuse(path + ".align", "nothing of its own is looked at; leave it out, or expected how with");
    if (e.align_values && !e.align) refuse(path + ".align_values", "it belongs to align; expected both");
    check_curve(e.gain_k, Range::any, path + ".gain_k");
    check_curve(e.gain_v, Range::any, path + ".gain_v");
    check_curve(e.shift, Range::any, path + ".shift");
    check_curve(e.fidelity, Range::share, path + ".fidelity");
    if (e.gain_v != Curve(1) && e.how == Share::How::map)
      refuse(path + ".gain_v", "own values are read; leave it out, or expected how with or instead");
    if (e.shift != Curve(0) && !with)
      refuse(path + ".shift", "no other keys stand beside those; leave it out, or expected how with");
    if (e.fidelity != Curve(0) && control.rows.value_or(Rows::cond) == Rows::cond)
      refuse(path + ".fidelity", "it is of the negative prompt's rows, which this leaves alone; expected rows both");
  }
  static EffectPointer attention(const Share& e, Mode, Tables& tables, const std::string& path) {
    return std::make_unique<ShareEffect>(e, source_of(e, tables.recordings, path));
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

Control share(Share numbers) {
  return {.effect = std::move(numbers)};
}

Control parse_share(std::string_view text) {
  return control::of_words("share", text, control::kImageOrRecording, [](std::string source) {
    if (control::is_index(source)) return share_image(std::stoi(source));
    return share_recording(std::move(source), Share::How::with);
  });
}

}  // namespace corepulse
