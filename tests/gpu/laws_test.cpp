// The laws of control on a GPU: the same numbers within rounding, where the CPU has the same bits.
#include <doctest/doctest.h>
#include <map>

#include "lora_file.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

const std::string kOther = "a dragon on the beach, watercolor";

struct Precision {
  ComputeType type;
  double tolerance;  ///< Of latents after four steps, relative.
};

class Runs {
 public:
  Runs(const std::string& family, Precision precision)
      : recipe_(golden_recipe(family)),
        pipeline_(Pipeline::load({.model = tiny_folder(family)}, {.dtype = precision.type})) {
    recipe_.steps = 4;
  }
  std::vector<std::vector<float>> batch(const std::vector<Control>& controls, std::vector<uint64_t> seeds = {3},
                                        const std::string& prompt = "") const {
    auto recipe = recipe_;
    recipe.controls = controls;
    recipe.seeds = std::move(seeds);
    if (!prompt.empty()) recipe.prompt = prompt;
    return pipeline_.generate({recipe, {}, false}).latents;
  }
  std::vector<float> one(const std::vector<Control>& controls, const std::string& prompt = "") const {
    return batch(controls, {3}, prompt).at(0);
  }
  const std::string& prompt() const { return recipe_.prompt; }
  /** Each a run of its own, of which one UNet call draws all. */
  std::vector<std::vector<float>> together(const std::vector<std::vector<Control>>& lists) const {
    std::vector<PreparedRun> prepared;
    for (const auto& controls : lists) {
      auto recipe = recipe_;
      recipe.controls = controls;
      prepared.push_back(pipeline_.prepare({recipe, {}, false}));
    }
    CHECK(how_many_together(prepared) == lists.size());
    std::vector<std::vector<float>> all;
    for (auto& result : generate_together(std::move(prepared))) all.push_back(std::move(result.latents.at(0)));
    return all;
  }

 private:
  Recipe recipe_;
  Pipeline pipeline_;
};

template <class Law>
void on_every_model(Law law) {
  // Kept from law to law: cuDNN plans each convolution of a new shape, which takes seconds.
  static std::map<std::pair<std::string, ComputeType>, Runs> models;
  for (const std::string family : {"sd1", "sdxl", "small"}) {
    for (const auto& precision : {Precision{ComputeType::float32, 1e-3}, {ComputeType::float16, 3e-2}}) {
      CAPTURE(family);
      CAPTURE(precision.tolerance);
      const std::pair key{family, precision.type};
      law(models.try_emplace(key, family, precision).first->second, precision.tolerance, family);
    }
  }
}

}  // namespace

TEST_CASE("law 1: neutral controls are the plain run; another prompt is not") {
  on_every_model([](const Runs& runs, double tolerance, const std::string&) {
    const auto plain = runs.one({});
    CHECK(relative_error(runs.one({}), plain) <= tolerance);
    CHECK(relative_error(runs.one({inject(kOther).strength(0), inject(runs.prompt()), reweight("cat", 1)}), plain) <=
          tolerance);
    CHECK(relative_error(runs.one({inject(kOther)}), plain) > 3 * tolerance);
  });
}

TEST_CASE("law 3: injecting a prompt everywhere is running with that prompt") {
  on_every_model([](const Runs& runs, double tolerance, const std::string& family) {
    std::vector<Control> controls{inject(kOther)};
    if (family == "sdxl") controls.push_back(pooled(kOther));
    CHECK(relative_error(runs.one(controls), runs.one({}, kOther)) <= tolerance);
  });
}

TEST_CASE("law 5: runs drawn together give what each gives alone") {
  const std::vector<std::vector<Control>> lists{{},
                                                {inject(kOther).at("middle:0")},
                                                {inject(kOther).strength(0.4).within(rectangle(0, 0, 0.5, 1))},
                                                {guide_by(GuideBy::Perturb::identity, 2), reweight("cat", 2)}};
  on_every_model([&](const Runs& runs, double tolerance, const std::string&) {
    const auto together = runs.together(lists);
    for (size_t i = 0; i < lists.size(); ++i) {
      CAPTURE(i);
      CHECK(relative_error(together[i], runs.one(lists[i])) <= tolerance);
      if (i > 0) CHECK(relative_error(together[i], together[0]) > 1e-4);
    }
  });
}

TEST_CASE("law 4: adjacent windows are one; a mask of ones is none; halves commute") {
  const auto left = rectangle(0, 0, 0.5, 1), right = rectangle(0.5, 0, 0.5, 1);
  on_every_model([&](const Runs& runs, double tolerance, const std::string&) {
    CHECK(relative_error(runs.one({inject(kOther).steps(0, 2), inject(kOther).steps(2, 4)}),
                         runs.one({inject(kOther).steps(0, 4)})) <= tolerance);
    CHECK(relative_error(runs.one({inject(kOther).within(rectangle(0, 0, 1, 1))}), runs.one({inject(kOther)})) <=
          tolerance);
    CHECK(relative_error(runs.one({inject(kOther).within(left), inject("snow").within(right)}),
                         runs.one({inject("snow").within(right), inject(kOther).within(left)})) <= tolerance);
  });
}

TEST_CASE("law 5: image i of a batch is the same image alone") {
  on_every_model([](const Runs& runs, double tolerance, const std::string&) {
    const auto batch = runs.batch({reweight("cat", 0.3)}, {3, 11});
    CHECK(relative_error(batch[0], runs.batch({reweight("cat", 0.3)}, {3}).at(0)) <= tolerance);
    CHECK(relative_error(batch[1], runs.batch({reweight("cat", 0.3)}, {11}).at(0)) <= tolerance);
    CHECK(relative_error(batch[0], batch[1]) > 3 * tolerance);
  });
}

TEST_CASE("a LoRA whose strength changes at every step is the LoRA that is merged at each step") {
  const LoraFile everywhere("sd1", "attentions", 5);
  const auto style = lora(everywhere.path());
  on_every_model([&](const Runs& runs, double tolerance, const std::string& family) {
    if (family != "sd1") return;
    const auto strong = style.strength(1);
    CHECK(relative_error(runs.one({style.strength({{0, 1}, {1, 1 + 1e-4}})}), runs.one({strong})) <= tolerance);
    std::vector<Control> merged;
    for (int i = 0; i < 4; ++i) merged.push_back(style.strength(1 - i / 4.0).steps(i, i + 1));
    const auto falling = runs.one({style.strength({{0, 1}, {1, 0.25}})});
    const double error = relative_error(falling, runs.one(merged));
    MESSAGE(error, " of the same strengths, ", relative_error(falling, runs.one({strong})), " of the first alone");
    CHECK(error <= tolerance);
    CHECK(relative_error(falling, runs.one({strong})) > 2 * error);
    CHECK(relative_error(runs.one({strong.within(rectangle(0, 0, 1, 1))}), runs.one({strong})) <= tolerance);
  });
}
