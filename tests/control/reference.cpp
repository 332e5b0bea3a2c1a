#include "reference.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "control/region/raster.h"
#include "control/texts/alignment.h"
#include "reads.h"
#include "support.h"

namespace corepulse::control::test {
namespace {

struct Where {
  const std::vector<corepulse::Control>& controls;
  const ProgramInputs& inputs;
  const Site& site;
  const Step& call;
  const Row& row;
  int pixels;
  int pixel;
};

double mask_at(const Region& region, const Where& w) {
  struct Known {
    Region region;
    Grid grid;
    Mask mask;
  };
  static std::vector<Known> memory;
  const auto g = grid(w.site, w.inputs.latent_height, w.inputs.latent_width);
  for (const auto& known : memory)
    if (known.region == region && known.grid.height == g.height && known.grid.width == g.width)
      return known.mask.values[w.pixel];
  if (memory.size() > 40) memory.clear();
  const auto drawn = rasterize(region, {w.inputs.image_height, w.inputs.image_width, {}}, "");
  memory.push_back({region, g, resample(drawn, g.height, g.width)});
  return memory.back().mask.values[w.pixel];
}

// An edit splits every reading that it applies to.
template <class Change>
void edit(Pixel& pixel, double part, Change change) {
  Pixel out;
  for (const auto& read : pixel) {
    Read edited = read;
    if (read.finish || !change(edited)) {
      out.push_back(read);
      continue;
    }
    Read rest = read;
    rest.share *= 1 - part, edited.share *= part;
    out.push_back(rest), out.push_back(edited);
  }
  pixel = out;
}

void inject_into(Pixel& pixel, double part, Read fresh) {
  for (auto& read : pixel)
    if (!read.finish) read.share *= 1 - part;
  fresh.share = part;
  pixel.push_back(fresh);
}

bool takes(const std::vector<int>& images, int image) {
  return images.empty() || std::find(images.begin(), images.end(), image) != images.end();
}

/** The recipe's prompt, or the one that an edit gives the image. */
std::string prompt_of(int image, const std::vector<corepulse::Control>& controls, const ProgramInputs& inputs) {
  for (const auto& c : controls)
    if (const auto* e = std::get_if<PromptToPrompt>(&c.effect))
      if (c.enabled && image != e->image && takes(c.images, image)) return e->prompt;
  return inputs.prompt;
}

template <class Set>
void edit_tokens(Pixel& pixel, double part, const Tokens& tokens, Set set) {
  edit(pixel, part, [&](Read& read) {
    const auto found = positions(read.prompt, tokens);
    for (const int p : found) set(read, p);
    return !found.empty();
  });
}

bool is_one_to_one(const List<double>& map) {
  for (size_t i = 0; i < map.size(); ++i)
    if (map[i] != (i % 78 == 0)) return false;
  return true;
}

/** Which words of the two prompts are one. */
struct Words {
  List<double> weights, known;
};

const Words& words_of(const std::string& base, const PromptToPrompt& e) {
  static std::map<std::tuple<std::string, std::string, bool>, Words> memory;
  const bool refines = e.method == PromptToPrompt::Method::refine;
  const auto [place, fresh] = memory.try_emplace({base, e.prompt, refines});
  if (!fresh) return place->second;
  const auto from = tokenize(base)[0], to = tokenize(e.prompt)[0];
  const auto map = refines ? aligned(from, to) : word_by_word(base, from, e.prompt, to);
  return place->second = {map.weights, map.known};
}

/** Each kind in the words of docs/control.md. */
struct Act {
  Pixel& pixel;
  double part;
  const Where& w;
  double at(const Curve& curve) const { return curve.at(w.call.progress); }

  void operator()(const Inject& e) const {
    auto read = of_text(e.prompt);
    read.key_gain.assign(77, at(e.gain_k));
    read.value_gain.assign(77, at(e.gain_v));
    inject_into(pixel, part, read);
  }
  void operator()(const Reweight& e) const {
    edit_tokens(pixel, part, e.tokens, [&](Read& r, int p) { weigh(r, {p}, at(e.scale)); });
  }
  void operator()(const ValueGain& e) const {
    edit_tokens(pixel, part, e.tokens, [&](Read& r, int p) { r.value_gain[p] *= at(e.gain); });
  }
  void operator()(const MaskTokens& e) const {
    if (e.context == TokenContext::reencode) return exchange(e.tokens, "", false);
    edit_tokens(pixel, part, e.tokens, [](Read& r, int p) { weigh(r, {p}, 0); });
  }
  void operator()(const ReplaceTokens& e) const { exchange(e.tokens, e.with, e.context == TokenContext::keep); }
  void exchange(const Tokens& tokens, const std::string& with, bool keep) const {
    edit(pixel, part, [&](Read& r) {
      const bool found = !r.mapped() && !positions(r.prompt, tokens).empty();
      if (found) r = exchanged(r, tokens, with, keep);
      return found;
    });
  }
  void operator()(const Regions& e) const {
    double sum = 0;
    for (const auto& prompt : e.prompts) sum += mask_at(prompt.region, w);
    const double all = part * (1 - at(e.base_share));
    for (auto& read : pixel)
      if (!read.finish) read.share *= 1 - all * std::min(1.0, sum);
    for (const auto& prompt : e.prompts) {
      pixel.push_back(of_text(prompt.prompt));
      pixel.back().share = all * mask_at(prompt.region, w) / std::max(1.0, sum);
    }
  }
  void operator()(const Temperature& e) const {
    edit(pixel, part, [&](Read& r) {
      r.temperature *= at(e.value);
      for (auto& weight : r.weight) weight = std::pow(weight, 1 / at(e.value));
      return true;
    });
  }
  void operator()(const Smooth&) const {
    edit(pixel, part, [](Read& r) {
      r.temperature = INFINITY;
      r.weight.assign(r.keys.size(), 1), r.key_gain.assign(r.keys.size(), 1);
      return true;
    });
  }
  void operator()(const PromptToPrompt& e) const {
    if (w.row.image == e.image) return;
    if (w.site.cross) return w.row.conditional() ? take_words(e) : take_queries(e);
    if (w.pixels > e.self_tokens) return;
    const auto own = of_text("own", w.pixels), other = of_text(fmt::format("image {}", e.image), w.pixels);
    edit(pixel, part * at(e.self), [&](Read& r) {
      if (r.keys != own.keys || r.mapped() || r.query >= 0) return false;
      r = seen_by(r, e.image);
      r.keys = other.keys, r.values = own.keys;
      return true;
    });
  }
  void take_queries(const PromptToPrompt& e) const {
    edit(pixel, part * at(e.cross), [&](Read& r) {
      if (r.mapped() || r.query >= 0) return false;
      r = seen_by(r, e.image);
      return true;
    });
  }
  /** By token of the edited prompt, `taken` of the attention is the other image's. */
  void take_words(const PromptToPrompt& e) const {
    const auto base = prompt_of(e.image, w.controls, w.inputs);
    const auto& map = words_of(base, e);
    std::vector<double> taken(77, at(e.cross));
    for (const auto& word : e.words)
      for (const int p : positions(e.prompt, word.tokens)) taken[p] = at(word.cross);
    for (size_t p = 0; p < 77; ++p) taken[p] *= map.known[p];
    const bool alike = std::count(taken.begin(), taken.end(), taken[0]) == 77;
    const auto texts_keys = of_text(e.prompt).keys, base_keys = of_text(base).keys;
    Pixel out;
    for (const auto& read : pixel) {
      out.push_back(read);
      if (read.finish || read.keys != texts_keys || read.mapped() || read.query >= 0) continue;
      const double share = alike ? part * taken[0] : part;
      out.back().share *= 1 - share;
      auto theirs = seen_by(read, e.image), rest = read;
      theirs.share *= share, rest.share *= share;
      theirs.map = map.weights;
      if (!alike)
        for (size_t i = 0; i < theirs.map.size(); ++i) theirs.map[i] *= taken[i % 77];
      if (is_one_to_one(theirs.map)) theirs.map.clear();
      theirs.keys = base_keys;
      if (base_keys != texts_keys) theirs.values = texts_keys;
      theirs.added = !alike;
      rest.map.assign(77 * 77, 0);
      for (size_t p = 0; p < 77; ++p) rest.map[p * 78] = 1 - taken[p];
      out.push_back(theirs);
      if (!alike) out.push_back(rest);
    }
    pixel = out;
  }
  void operator()(const NormalizedGuidance& e) const {
    if (at(e.scale) == 0) return;
    auto finish = of_text(e.prompt.value_or(w.inputs.negative_prompt));
    finish.share = part, finish.scale = at(e.scale), finish.limit = at(e.limit);
    finish.finish =
        1 + static_cast<int>(std::count_if(pixel.begin(), pixel.end(), [](auto& read) { return read.finish; }));
    pixel.push_back(finish);
  }
  void operator()(const GuideBy& e) const {
    const auto own = of_text("own", w.pixels);
    edit(pixel, part, [&](Read& r) {
      if (e.perturb == GuideBy::Perturb::blur) return r.blur = e.blur_sigma.value_or(INFINITY), true;
      const double share = r.share;
      r = own, r.share = share, r.identity = true;
      return true;
    });
  }
  void operator()(const Attend& e) const {
    edit(pixel, part, [&](Read& r) {
      for (size_t i = 0; i < r.weight.size(); ++i) {
        const Where key{w.controls, w.inputs, w.site, w.call, w.row, w.pixels, static_cast<int>(i) % w.pixels};
        r.weight[i] *= 1 + mask_at(*e.target, key) * (at(e.scale) - 1);
      }
      return true;
    });
  }
  void operator()(const Share& e) const {
    if (*e.image == w.row.image) return;
    auto other = of_text(fmt::format("image {}", *e.image), w.pixels);
    other.key_gain.assign(w.pixels, at(e.gain_k)), other.value_gain.assign(w.pixels, at(e.gain_v));
    const double whole = w.row.role == kNegative ? part * (1 - at(e.fidelity)) : part;
    if (e.how == Share::How::instead) return inject_into(pixel, whole, other);
    edit(pixel, whole, [&](Read& r) {
      r.keys.append(other.keys);
      if (!r.values.empty()) r.values.append(other.keys);
      r.weight.resize(r.keys.size(), std::exp(at(e.shift)));
      r.key_gain.append(other.key_gain), r.value_gain.append(other.value_gain);
      return true;
    });
  }
  void operator()(const auto&) const {}  // not made by the generator
};

double strength(const corepulse::Control& c, double progress) {
  return std::visit(
      [&](const auto& e) {
        if constexpr (requires { e.strength; })
          return e.strength.at(progress);
        else
          return 1.0;
      },
      c.effect);
}

bool on_cross(const corepulse::Control& c) {
  return c.effect.index() <= 5 || std::holds_alternative<NormalizedGuidance>(c.effect);
}

bool acts_here(const corepulse::Control& c, const Where& w) {
  const auto* t = std::get_if<Temperature>(&c.effect);
  const bool cross = t ? t->attention == AttentionKind::cross : on_cross(c);
  const auto both = (t && t->attention == AttentionKind::both) || std::holds_alternative<PromptToPrompt>(c.effect);
  if (!both && cross != w.site.cross) return false;
  if (!takes(c.images, w.row.image)) return false;
  const auto rows = c.rows.value_or(Rows::cond);
  if (rows != Rows::both && (rows == Rows::cond) != w.row.conditional()) return false;
  if (c.when.unit == Window::Unit::steps && !(c.when.start <= w.call.index && w.call.index < c.when.end)) return false;
  // The generator names single blocks only.
  const char* names[] = {"input", "middle", "output"};
  return c.where.empty() || c.where == fmt::format("{}:{}", names[static_cast<int>(w.site.kind)], w.site.block);
}

}  // namespace

std::vector<Pixel> expected_row(const std::vector<corepulse::Control>& controls, const ProgramInputs& inputs,
                                const Site& site, const Step& call, const Row& row) {
  const int pixels = grid(site, inputs.latent_height, inputs.latent_width).tokens();
  const auto own = site.cross
                       ? of_text(row.conditional() ? prompt_of(row.image, controls, inputs) : inputs.negative_prompt)
                       : of_text("own", pixels);
  // Of what perturbs, only that which the row is for, and behind all others.
  std::vector<const corepulse::Control*> acting;
  for (const auto& c : controls)
    if (!std::holds_alternative<GuideBy>(c.effect)) acting.push_back(&c);
  if (row.role > kWithoutPicture) acting.push_back(&controls.at(static_cast<size_t>(row.role) - kWithoutPicture - 1));
  std::vector<Pixel> all;
  for (int h = 0; h < site.heads; ++h)
    for (int p = 0; p < pixels; ++p) {
      Pixel pixel{own};
      const Where where{controls, inputs, site, call, row, pixels, p};
      for (const auto* acts : acting) {
        const auto& c = *acts;
        if (!acts_here(c, where)) continue;
        double part = strength(c, call.progress);
        if (c.region) part *= mask_at(*c.region, where);
        if (!c.heads.empty() && std::find(c.heads.begin(), c.heads.end(), h) == c.heads.end()) part = 0;
        std::visit(Act{pixel, part, where}, c.effect);
        std::erase_if(pixel, [](const Read& r) { return r.share == 0; });
      }
      all.push_back(pixel);
    }
  return all;
}

}  // namespace corepulse::control::test
