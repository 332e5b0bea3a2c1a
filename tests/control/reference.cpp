#include "reference.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "control/region/raster.h"
#include "support.h"

namespace corepulse::control::test {
namespace {

constexpr double kTiny = 1e-9;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// A number for every embedding; spellings of a text that differ in case have the same tokens.
std::map<std::string, int>& key_numbers() {
  static std::map<std::string, int> numbers;
  return numbers;
}

int key(const std::string& prompt, int position) {
  auto& numbers = key_numbers();
  return numbers.emplace(fmt::format("{}#{}", lower(prompt), position), numbers.size()).first->second;
}

std::string key_name(int number) {
  for (const auto& [name, n] : key_numbers())
    if (n == number) return name;
  return "?";
}

Read of_text(const std::string& prompt, size_t keys = 77) {
  static std::map<std::pair<std::string, size_t>, Read> memory;
  const auto [place, fresh] = memory.try_emplace({prompt, keys});
  auto& read = place->second;
  if (!fresh) return read;
  read.prompt = prompt;
  for (size_t i = 0; i < keys; ++i) read.keys.push_back(key(prompt, static_cast<int>(i)));
  read.weight.assign(keys, 1), read.key_gain.assign(keys, 1), read.value_gain.assign(keys, 1);
  return read;
}

// Byte positions of whole words, by looking at the text itself.
std::vector<size_t> occurrences(const std::string& prompt, const Tokens& tokens) {
  const auto text = lower(prompt), phrase = lower(tokens.phrase);
  const auto in_word = [&](size_t i) { return i < text.size() && std::isalnum(text[i]); };
  std::vector<size_t> all;
  for (size_t i = text.find(phrase); i != text.npos; i = text.find(phrase, i + 1))
    if (!(i > 0 && in_word(i - 1)) && !in_word(i + phrase.size())) all.push_back(i);
  if (tokens.occurrence == 0) return all;
  if (tokens.occurrence > static_cast<int>(all.size())) return {};
  return {all[tokens.occurrence - 1]};
}

std::vector<int> positions(const std::string& prompt, const Tokens& tokens) {
  static std::map<std::tuple<std::string, std::string, int>, std::vector<int>> memory;
  const auto [place, fresh] = memory.try_emplace({prompt, tokens.phrase, tokens.occurrence});
  auto& all = place->second;
  if (!fresh) return all;
  const auto text = tokenize(prompt)[0];
  for (const size_t at : occurrences(prompt, tokens))
    for (size_t i = 0; i < text.tokens.size(); ++i)
      if (text.tokens[i].begin >= static_cast<int>(at) &&
          text.tokens[i].end <= static_cast<int>(at + tokens.phrase.size()))
        all.push_back(static_cast<int>(i) + 1);
  return all;
}

// A reading of the prompt with the phrase exchanged; keys that stay take their numbers along.
Read exchanged(const Read& old, const Tokens& tokens, std::string with, bool keep) {
  std::string prompt = old.prompt;
  const auto places = occurrences(prompt, tokens);
  for (auto at = places.rbegin(); at != places.rend(); ++at) {
    size_t size = tokens.phrase.size();
    if (with.empty() && *at > 0 && prompt[*at - 1] == ' ' && prompt[*at + size] == ' ') ++size;
    prompt.replace(*at, size, with);
  }
  auto fresh = of_text(prompt);
  fresh.share = old.share, fresh.temperature = old.temperature;
  // Words in order: the old ones without the phrase are the new ones without the new words.
  const auto gone = positions(old.prompt, tokens);
  const int added = static_cast<int>(tokenize(with)[0].tokens.size());
  const int per_place = places.empty() ? 0 : static_cast<int>(gone.size() / places.size());
  std::vector<int> from;  // by new position
  int p = 0;
  while (static_cast<int>(from.size()) < 77) {
    const bool starts = std::find(gone.begin(), gone.end(), p) != gone.end();
    if (starts) {
      for (int i = 0; i < added; ++i) from.push_back(-1);
      p += per_place;
    } else {
      from.push_back(p < 77 ? p : -1), ++p;
    }
  }
  for (int i = 0; i < 77; ++i) {
    if (from[i] < 0) continue;
    if (keep) fresh.keys[i] = old.keys[from[i]];
    fresh.weight[i] = old.weight[from[i]];
    fresh.key_gain[i] = old.key_gain[from[i]];
    fresh.value_gain[i] = old.value_gain[from[i]];
  }
  return fresh;
}

struct Where {
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
    if (!change(edited)) {
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
  for (auto& read : pixel) read.share *= 1 - part;
  fresh.share = part;
  pixel.push_back(fresh);
}

template <class Set>
void edit_tokens(Pixel& pixel, double part, const Tokens& tokens, Set set) {
  edit(pixel, part, [&](Read& read) {
    const auto found = positions(read.prompt, tokens);
    for (const int p : found) set(read, p);
    return !found.empty();
  });
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
    edit_tokens(pixel, part, e.tokens, [&](Read& r, int p) { r.weight[p] *= at(e.scale); });
  }
  void operator()(const ValueGain& e) const {
    edit_tokens(pixel, part, e.tokens, [&](Read& r, int p) { r.value_gain[p] *= at(e.gain); });
  }
  void operator()(const MaskTokens& e) const {
    if (e.context == TokenContext::reencode) return exchange(e.tokens, "", false);
    edit_tokens(pixel, part, e.tokens, [](Read& r, int p) { r.weight[p] = 0; });
  }
  void operator()(const ReplaceTokens& e) const { exchange(e.tokens, e.with, e.context == TokenContext::keep); }
  void exchange(const Tokens& tokens, const std::string& with, bool keep) const {
    edit(pixel, part, [&](Read& r) {
      const bool found = !positions(r.prompt, tokens).empty();
      if (found) r = exchanged(r, tokens, with, keep);
      return found;
    });
  }
  void operator()(const Regions& e) const {
    double sum = 0;
    for (const auto& prompt : e.prompts) sum += mask_at(prompt.region, w);
    const double all = part * (1 - at(e.base_share));
    for (auto& read : pixel) read.share *= 1 - all * std::min(1.0, sum);
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
  void operator()(const Attend& e) const {
    edit(pixel, part, [&](Read& r) {
      for (size_t i = 0; i < r.weight.size(); ++i) {
        const Where key{w.inputs, w.site, w.call, w.row, w.pixels, static_cast<int>(i) % w.pixels};
        r.weight[i] *= 1 + mask_at(*e.target, key) * (at(e.scale) - 1);
      }
      return true;
    });
  }
  void operator()(const Share& e) const {
    if (*e.image == w.row.image) return;
    const auto other = of_text(fmt::format("image {}", *e.image), w.pixels);
    if (e.how == Share::How::instead) return inject_into(pixel, part, other);
    edit(pixel, part, [&](Read& r) {
      r.keys.insert(r.keys.end(), other.keys.begin(), other.keys.end());
      for (auto* list : {&r.weight, &r.key_gain, &r.value_gain}) list->resize(r.keys.size(), 1);
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
  return c.effect.index() <= 5;
}

bool acts_here(const corepulse::Control& c, const Where& w) {
  const auto* t = std::get_if<Temperature>(&c.effect);
  const bool cross = t ? t->attention == AttentionKind::cross : on_cross(c);
  const auto both = t && t->attention == AttentionKind::both;
  if (!both && cross != w.site.cross) return false;
  const auto& images = c.images;
  if (!images.empty() && std::find(images.begin(), images.end(), w.row.image) == images.end()) return false;
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
  const auto own =
      site.cross ? of_text(row.conditional() ? inputs.prompt : inputs.negative_prompt) : of_text("own", pixels);
  std::vector<Pixel> all;
  for (int h = 0; h < site.heads; ++h)
    for (int p = 0; p < pixels; ++p) {
      Pixel pixel{own};
      const Where where{inputs, site, call, row, pixels, p};
      for (const auto& c : controls) {
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

std::vector<Pixel> planned_row(const Program& program, const ProgramInputs& inputs, const Site& site,
                               const std::vector<Reading>& readings) {
  const int pixels = grid(site, inputs.latent_height, inputs.latent_width).tokens();
  const auto& texts = program.texts();
  const auto name = [&](TextId id, int position) {
    while (!texts[id].picks.empty()) {
      const auto pick = texts[id].picks[position];
      id = pick.text, position = pick.position;
    }
    return key(texts[id].prompt, position);
  };
  std::vector<Read> reads;
  for (const auto& reading : readings) {
    Read read;
    for (const auto& source : reading.sources)
      for (int i = 0; i < (site.cross ? 77 : pixels); ++i)
        read.keys.push_back(source.kind == Source::Kind::text  ? name(source.id, i)
                            : source.kind == Source::Kind::own ? key("own", i)
                                                               : key(fmt::format("image {}", source.id), i));
    const auto numbers = [&](const Values& values, double normal) {
      if (!values) return std::vector<double>(read.keys.size(), normal);
      return std::vector<double>(values->begin(), values->end());
    };
    read.weight = numbers(reading.bias, 0);
    for (auto& w : read.weight) w = std::exp(w);
    read.key_gain = numbers(reading.key_gain, 1), read.value_gain = numbers(reading.value_gain, 1);
    read.temperature = reading.temperature;
    reads.push_back(read);
  }
  std::vector<Pixel> all;
  for (int h = 0; h < site.heads; ++h)
    for (int p = 0; p < pixels; ++p) {
      Pixel pixel;
      for (size_t i = 0; i < reads.size(); ++i) {
        const auto& r = readings[i];
        const double share =
            r.share ? (*r.share)[(r.share_heads > 1 ? h : 0) * r.share_pixels + (r.share_pixels > 1 ? p : 0)] : 1;
        if (share == 0) continue;
        pixel.push_back(reads[i]);
        pixel.back().share = share;
      }
      all.push_back(pixel);
    }
  return all;
}

namespace {

bool near(double a, double b) {
  return a == b || std::abs(a - b) <= 1e-5 * std::max({1.0, std::abs(a), std::abs(b)});
}
bool near(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) { return near(x, y); });
}

// Weights mean the same times any number.
std::vector<double> relative(std::vector<double> weights) {
  const double most = *std::max_element(weights.begin(), weights.end());
  for (auto& w : weights) w /= most;
  return weights;
}

bool same_reading(const Read& a, const Read& b) {
  return a.keys == b.keys && near(a.temperature, b.temperature) && near(relative(a.weight), relative(b.weight)) &&
         near(a.key_gain, b.key_gain) && near(a.value_gain, b.value_gain);
}

Pixel merged(const Pixel& pixel) {
  Pixel out;
  for (const auto& read : pixel) {
    if (read.share < kTiny) continue;
    const auto same = std::find_if(out.begin(), out.end(), [&](const Read& r) { return same_reading(r, read); });
    if (same == out.end())
      out.push_back(read);
    else
      same->share += read.share;
  }
  return out;
}

}  // namespace

std::string difference(const std::vector<Pixel>& a, const std::vector<Pixel>& b) {
  if (a.size() != b.size()) return "sizes differ";
  for (size_t i = 0; i < a.size(); ++i) {
    const auto x = merged(a[i]), y = merged(b[i]);
    for (const auto& read : x) {
      const auto same = std::find_if(y.begin(), y.end(), [&](const Read& r) { return same_reading(r, read); });
      const double share = same == y.end() ? 0 : same->share;
      if (std::abs(share - read.share) > 1e-5)
        return fmt::format("at {}: {} has share {}, not {}", i, key_name(read.keys[1]), share, read.share);
    }
    if (x.size() != y.size()) return fmt::format("at {}: {} readings, not {}", i, y.size(), x.size());
  }
  return "";
}

}  // namespace corepulse::control::test
