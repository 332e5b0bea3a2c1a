// The text encoder against Diffusers' goldens, and its laws.

#include <cmath>
#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "mlx/ops.h"
#include "mlx/transforms.h"

#include "golden.h"
#include "io/tensors/safetensors.h"
#include "kernels/device.h"
#include "support/places.h"
#include "text/clip_text_model.h"
#include "text/config_json.h"

using namespace corepulse;
using namespace corepulse::text;

namespace {

namespace fs = std::filesystem;

const fs::path kGoldens = test::golden_folder();

fs::path model_folder(const std::string& family) {
  return family == "builtin" ? kModels / "builtin" : kGoldens / "models" / family;
}

io::Tensors tensors(const fs::path& folder) {
  auto all = io::open_safetensors(folder / "model.safetensors").tensors;
  std::erase_if(all, [](const auto& entry) { return entry.first.ends_with("position_ids"); });
  return all;
}

ClipTextModel load(const fs::path& folder, mx::Dtype dtype = mx::float32) {
  const nn::Weights weights(tensors(folder), "text encoder", dtype);
  ClipTextModel model(weights, config_from_json(io::read_json(folder / "config.json"), "config.json"));
  weights.require_all_taken();
  return model;
}

std::vector<float> numbers(const mx::array& x) {
  auto y = mx::contiguous(mx::astype(x, mx::float32));
  mx::eval(y);
  return {y.data<float>(), y.data<float>() + y.size()};
}

std::vector<float> numbers(const io::TensorView& x) {
  std::vector<float> out(x.elements());
  std::memcpy(out.data(), x.data, x.bytes);
  return out;
}

/** max|a - b| / max|b|; infinite if the sizes differ or a number is none. */
double error(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, scale = 0;
  if (a.size() != b.size()) return INFINITY;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i])) return INFINITY;
    difference = std::max(difference, std::abs(double(a[i]) - b[i]));
    scale = std::max(scale, std::abs(double(b[i])));
  }
  return difference / scale;
}

struct Case {
  const char *family, *encoder, *golden;
  OutputRule rule;
};
const Case kCases[] = {{"sd1", "text_encoder", "text", {0, true}},   {"sd2", "text_encoder", "text", {0, true}},
                       {"sdxl", "text_encoder", "text", {1, false}}, {"sdxl", "text_encoder_2", "text_2", {1, false}},
                       {"small", "text_encoder", "text", {0, true}}, {"builtin", "text_encoder", "text", {0, true}}};

struct Golden {
  io::SafetensorsFile file;
  std::string prefix;

  explicit Golden(const Case& c)
      : file(io::open_safetensors(kGoldens / (std::string(c.family) + ".safetensors"))), prefix(c.golden) {}
  const io::TensorView& at(int prompt, const char* name) const {
    return file.tensors.at(prefix + "/" + std::to_string(prompt) + "/" + name);
  }
  std::vector<float> values(int prompt, const char* name) const { return numbers(at(prompt, name)); }
  TokenIds ids(int prompt) const {
    const auto& view = at(prompt, "ids");
    TokenIds out(view.elements());
    std::memcpy(out.data(), view.data, view.bytes);
    return out;
  }
};

ClipTextModel sd1() {
  return load(model_folder("sd1") / "text_encoder");
}
TokenIds sd1_ids(int prompt) {
  return Golden(kCases[0]).ids(prompt);
}

}  // namespace

TEST_CASE("hidden states and pooled vectors equal transformers'") {
  const double bound = kernels::has_amx() ? 4e-5 : 1e-5;  // docs/numerics.md, "float32 on AMX"
  for (const auto& c : kCases) {
    const auto model = load(model_folder(c.family) / c.encoder);
    const Golden golden(c);
    for (int prompt = 0; prompt < 3; ++prompt) {
      INFO(c.family, " ", c.encoder, " prompt ", prompt);
      const auto out = model.forward({golden.ids(prompt)}, c.rule);
      CHECK(error(numbers(out.context), golden.values(prompt, "hidden")) < bound);
      CHECK(error(numbers(out.pooled), golden.values(prompt, "pooled")) < bound);
      const auto earlier = model.forward({golden.ids(prompt)}, {c.rule.skip + 1, c.rule.final_norm});
      CHECK(error(numbers(earlier.context), golden.values(prompt, "hidden_skip1")) < bound);
    }
  }
}

TEST_CASE("the folder's tokenizer gives the ids that the goldens were made from") {
  for (const auto& c : kCases) {
    const Golden golden(c);
    const auto prompts = io::parse_json(golden.file.metadata.at("prompts"), "prompts");
    const auto name = std::string(c.encoder) == "text_encoder_2" ? "tokenizer_2" : "tokenizer";
    const ClipTokenizer tokenizer(read_tokenizer_folder(model_folder(c.family) / name));
    for (int prompt = 0; prompt < 3; ++prompt)
      CHECK(tokenizer.encode(prompts[prompt].get<std::string>()).ids == golden.ids(prompt));
  }
}

TEST_CASE("another prompt gives another context and another pooled vector") {
  for (const auto& c : kCases) {
    INFO(c.family, " ", c.encoder);
    const auto model = load(model_folder(c.family) / c.encoder);
    const Golden golden(c);
    const auto a = model.forward({golden.ids(0)}, c.rule), b = model.forward({golden.ids(1)}, c.rule);
    CHECK(error(numbers(a.context), numbers(b.context)) > 0.1);
    CHECK(error(numbers(a.pooled), numbers(b.pooled)) > 0.1);
  }
}

TEST_CASE("a prompt in a batch equals the same prompt alone, bit for bit") {
  const auto model = sd1();
  const auto both = model.forward({sd1_ids(0), sd1_ids(1)}, {});
  const auto context = numbers(both.context), pooled = numbers(both.pooled);
  for (int row = 0; row < 2; ++row) {
    const auto alone = model.forward({sd1_ids(row)}, {});
    const auto c = numbers(alone.context), p = numbers(alone.pooled);
    CHECK(std::equal(c.begin(), c.end(), context.begin() + static_cast<long>(c.size()) * row));
    CHECK(std::equal(p.begin(), p.end(), pooled.begin() + static_cast<long>(p.size()) * row));
  }
}

TEST_CASE("a token changes nothing before it") {
  const auto model = sd1();
  auto ids = sd1_ids(0);
  const auto before = numbers(model.forward({ids}, {}).context);
  ids[5] = ids[5] == 100 ? 101 : 100;
  const auto after = numbers(model.forward({ids}, {}).context);
  const auto width = static_cast<long>(model.config().width);
  CHECK(std::equal(before.begin(), before.begin() + 5 * width, after.begin()));
  CHECK_FALSE(std::equal(before.begin() + 5 * width, before.begin() + 6 * width, after.begin() + 5 * width));
}

TEST_CASE("weights may come without the prefix text_model") {
  const auto folder = model_folder("sdxl") / "text_encoder_2";
  const auto config = config_from_json(io::read_json(folder / "config.json"), "config.json");
  io::Tensors bare;
  for (const auto& [name, view] : tensors(folder))
    bare[name.starts_with("text_model.") ? name.substr(11) : name] = view;
  const nn::Weights weights(bare, "text encoder", mx::float32);
  const ClipTextModel model(weights, config);
  weights.require_all_taken();
  const auto ids = Golden(kCases[3]).ids(0);
  const auto a = model.forward({ids}, {1, false}), b = load(folder).forward({ids}, {1, false});
  CHECK(numbers(a.context) == numbers(b.context));
  CHECK(numbers(a.pooled) == numbers(b.pooled));
}

TEST_CASE("in float16 the encoder stays near float32") {
  const auto folder = model_folder("builtin") / "text_encoder";
  const Golden golden(kCases[5]);
  const auto out = load(folder, mx::float16).forward({golden.ids(0)}, {});
  CHECK(out.context.dtype() == mx::float16);
  CHECK(error(numbers(out.context), golden.values(0, "hidden")) < 1e-2);
}

TEST_CASE("the pooled vector is read at the first end token, or at the largest id with old configs") {
  const auto folder = model_folder("sd1") / "text_encoder";
  auto config = config_from_json(io::read_json(folder / "config.json"), "config.json");
  const TokenIds ids{1, 7, 50, 7, 90, 2, 2};
  const auto pooled_at = [&](bool legacy, int eos) {
    config.legacy_eos = legacy;
    config.eos = eos;
    const nn::Weights weights(tensors(folder), "text encoder", mx::float32);
    const auto out = ClipTextModel(weights, config).forward({ids}, {});
    const auto context = numbers(out.context), pooled = numbers(out.pooled);
    for (size_t at = 0; at < ids.size(); ++at)
      if (std::equal(pooled.begin(), pooled.end(), context.begin() + static_cast<long>(at * pooled.size())))
        return static_cast<int>(at);
    return -1;
  };
  CHECK(pooled_at(true, 2) == 4);
  CHECK(pooled_at(false, 2) == 5);
  CHECK(pooled_at(false, 7) == 1);
}

TEST_CASE("ids of another tokenizer and too large a skip are refused") {
  const auto model = sd1();
  const auto good = sd1_ids(0);
  const auto refused = [&](const std::vector<TokenIds>& ids) {
    CHECK_THROWS_WITH_AS(model.forward(ids, {}), doctest::Contains("own tokenizer"), Error);
  };
  auto ids = good;
  ids[3] = model.config().vocabulary;
  refused({ids});
  ids[3] = -1;
  refused({ids});
  refused({});
  refused({{}});
  refused({TokenIds(78, 1)});
  refused({good, TokenIds(5, 1)});
  CHECK_THROWS_WITH_AS(model.forward({good}, {model.config().layers, true}), doctest::Contains("clip skip"), Error);
  CHECK_THROWS_WITH_AS(model.forward({good}, {-1, true}), doctest::Contains("clip skip"), Error);
  CHECK_THROWS_WITH_AS(load(model_folder("builtin") / "text_encoder").forward({TokenIds(77, 3)}, {}),
                       doctest::Contains("no end token"), Error);
}
