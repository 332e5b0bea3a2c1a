// controlnet: what a side network makes of a picture, added to the UNet's skips.
#include <algorithm>
#include <fmt/format.h>

#include "corepulse/recipe.h"
#include "corepulse/shorthand.h"

#include "base/fail.h"
#include "base/names.h"
#include "control/effects/describe.h"
#include "control/effects/side_network.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {

template <>
std::span<const char* const> names_of<ControlNet::Prepare>() {
  static constexpr const char* kWords[] = {"none", "canny", "invert", "blur", "tile", "shuffle", "mask"};
  return kWords;
}

template <>
std::span<const char* const> names_of<ControlNet::Type>() {
  static constexpr const char* kWords[] = {"openpose", "depth",   "scribble", "canny",
                                           "normal",   "segment", "tile",     "repaint"};
  return kWords;
}

/** As preprocessors are called, whose pictures are of one type. */
std::optional<ControlNet::Type> older_word(std::string_view word, Type<ControlNet::Type>) {
  for (const auto* of_scribble : {"hed", "pidi", "ted"})
    if (word == of_scribble) return ControlNet::Type::scribble;
  for (const auto* of_canny : {"lineart", "anime_lineart", "mlsd"})
    if (word == of_canny) return ControlNet::Type::canny;
  return std::nullopt;
}

std::string side_network_name(const Effect& effect) {
  corepulse::Control control{.effect = effect};
  auto& network = std::get<ControlNet>(control.effect);
  network.strength = 1, network.guess = false;
  network.sha256.clear(), network.picture_sha256.clear();
  return to_json(std::vector{control}, -1);
}

namespace {

constexpr const char* kFiles = "the file of a ControlNet and a picture's: canny.safetensors=house.png";

ControlNet& of(corepulse::Control& c) {
  return std::get<ControlNet>(c.effect);
}

// "canny 100 200", "blur 9", "shuffle 3", "mask left half"
void take_prepare(Scanner& s, corepulse::Control& c) {
  using Prepare = ControlNet::Prepare;
  auto& net = of(c);
  net.prepare = word_of<Prepare>(s);
  if (net.prepare == Prepare::mask) return void(net.mask = s.region());
  if (!s.at_number()) return;
  if (net.prepare == Prepare::canny)
    net.low = s.number(), net.high = s.number();
  else if (net.prepare == Prepare::shuffle)
    net.seed = static_cast<unsigned>(s.whole_number());
  else if (net.prepare == Prepare::blur || net.prepare == Prepare::tile)
    net.amount = s.number();
  else
    s.refuse("a comma and the next item");
}

void take_type(Scanner& s, corepulse::Control& c) {
  const auto word = s.peek_word();
  if (const auto known = older_word(word, Type<ControlNet::Type>())) {
    s.take_word(word);
    of(c).type = *known;
  } else {
    of(c).type = word_of<ControlNet::Type>(s);
  }
}

void take_fit(Scanner& s, corepulse::Control& c) {
  of(c).fit = word_of<Fit>(s);
}

void take_guess(Scanner&, corepulse::Control& c) {
  of(c).guess = true;
}

void check_prepare(const ControlNet& e, const std::string& path) {
  using Prepare = ControlNet::Prepare;
  const auto only = [&](bool unset, const char* field, const char* with) {
    if (!unset) refuse(path + "." + field, fmt::format("it belongs to prepare {}; leave it out", with));
  };
  const bool edges = e.prepare == Prepare::canny, tile = e.prepare == Prepare::tile;
  const ControlNet normal;
  if (!edges) only(e.low == normal.low, "low", "canny"), only(e.high == normal.high, "high", "canny");
  if (e.prepare != Prepare::blur && !tile) only(!e.amount, "amount", "blur and tile");
  if (e.prepare != Prepare::shuffle) only(e.seed == 0, "seed", "shuffle");
  if (e.prepare != Prepare::mask) only(!e.mask, "mask", "mask");
  if (e.prepare == Prepare::mask && !e.mask) refuse(path + ".mask", "none; expected a region");
  if (edges && !(e.low >= 0 && e.low <= e.high && e.high <= 1e6))
    refuse(path + ".low", fmt::format("{} and high {}; expected 0 <= low <= high", number(e.low), number(e.high)));
  if (e.amount && !(*e.amount >= (tile ? 1 : 0.1) && *e.amount <= 100))
    refuse(path + ".amount",
           fmt::format("{}; expected {}", number(*e.amount), tile ? "1 to 100 times smaller" : "0.1 to 100 pixels"));
}

struct ControlNetKind {
  using Struct = ControlNet;
  static constexpr const char* name = "controlnet";
  static constexpr CommonFields common{.heads = false};
  static constexpr ShortForm short_forms[] = {{"controlnet", parse_controlnet}};
  static constexpr Item word_items[] = {{"prepare", take_prepare, "prepare"},
                                        {"type", take_type, "type"},
                                        {"fit", take_fit, "fit"},
                                        {"guess", take_guess, "guess"}};

  template <class V>
  static void fields(V& v) {
    v.required("file", &ControlNet::file);
    v("sha256", &ControlNet::sha256);
    v("picture", &ControlNet::picture);
    v("data", &ControlNet::data);
    v("picture_sha256", &ControlNet::picture_sha256);
    v("strength", &ControlNet::strength);
    v("prepare", &ControlNet::prepare);
    v("low", &ControlNet::low);
    v("high", &ControlNet::high);
    v("amount", &ControlNet::amount);
    v("seed", &ControlNet::seed);
    v("mask", &ControlNet::mask);
    v("fit", &ControlNet::fit);
    v("type", &ControlNet::type);
    v("guess", &ControlNet::guess);
    v("pool", &ControlNet::pool);
  }
  static std::string subject(const ControlNet& e) { return quote(e.file); }
  static void check(const ControlNet& e, const corepulse::Control&, const std::string& path) {
    if (e.file.empty()) refuse(path + ".file", "no name; expected the file or the folder of a ControlNet");
    if (e.picture.empty() == e.data.empty())
      refuse(path, "expected either picture, a file's name, or data, the picture itself");
    check_curve(e.strength, Range::any, path + ".strength");
    check_prepare(e, path);
  }
  static SideUse side(const ControlNet& e, const ProgramInputs& inputs, const std::string& path) {
    const auto& all = inputs.side_networks;
    const auto wanted = side_network_name(e);
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& info) { return info.name == wanted; });
    if (found == all.end())
      fail(ErrorCode::invalid_request, path + ".file", fmt::format("no ControlNet {} is loaded", quote(e.file)));
    return {static_cast<int>(found - all.begin()), &e.strength, e.guess};
  }
};

}  // namespace

template <>
const Kind& kind<ControlNet>() {
  return described<ControlNetKind>();
}

}  // namespace control

Control controlnet(std::string file, std::string picture, Curve strength) {
  return {.effect =
              ControlNet{.file = std::move(file), .picture = std::move(picture), .strength = std::move(strength)}};
}

Control parse_controlnet(std::string_view text) {
  const auto [subject, items] = control::split("controlnet", text, control::kFiles);
  auto file = control::phrase_before("controlnet", text, subject, "=", control::kFiles);
  auto picture = control::trimmed(subject.substr(subject.rfind('=') + 1));
  return control::with_items(controlnet(std::move(file), std::move(picture)), "controlnet", text, items);
}

}  // namespace corepulse
