// Looking into the network, and putting something else in the place of what is seen; starting from given latents.
#include "corepulse/probe.h"

#include <doctest/doctest.h>
#include <map>

#include "mlx/ops.h"
#include "mlx/transforms.h"

#include "generated.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

constexpr ProbePoint kPoints[] = {ProbePoint::attention_input, ProbePoint::attention_map, ProbePoint::attention_output,
                                  ProbePoint::resnet_output,   ProbePoint::block_output,  ProbePoint::prediction,
                                  ProbePoint::guided};

using Probed = std::vector<std::shared_ptr<const Probe>>;

Recipe short_run(std::vector<Control> controls = {}) {
  auto recipe = golden_recipe("small");
  recipe.steps = 2;
  recipe.controls = std::move(controls);
  return recipe;
}

std::vector<float> latents(const Probed& probes, const Recipe& recipe = short_run()) {
  Request request{.recipe = recipe, .decode = false};
  request.probes = probes;
  return tiny("small").generate(request).latents.at(0);
}

std::string key_of(const ProbeView& at) {
  return at.site.path + "@" + std::to_string(at.step.index) + "#" + std::to_string(at.rows.at(0).image) +
         std::to_string(static_cast<int>(at.rows.at(0).side)) + std::to_string(at.reading);
}

std::string message_of(const Request& request) {
  try {
    tiny("small").generate(request);
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::invalid_request);
    return e.what();
  }
  return "";
}

std::string message_of(std::shared_ptr<const Probe> one) {
  Request request{.recipe = short_run(), .decode = false};
  request.probes = {std::move(one)};
  return message_of(request);
}

mx::array unchanged(const mx::array& x, const ProbeView&) {
  return x;
}

}  // namespace

TEST_CASE("law: to look leaves every bit alone, and so does to put back what was there") {
  const auto recipe = short_run({inject("a dragon").strength(0.4).within(rectangle(0, 0, 0.5, 1))});
  const auto plain = latents({}, recipe);
  for (const auto point : kPoints) {
    CAPTURE(static_cast<int>(point));
    std::map<std::string, mx::array> seen;
    const auto keep = probe(point, "", [&](const mx::array& x, const ProbeView& at) {
      mx::eval(x);
      seen.insert_or_assign(key_of(at), x);
      return x;
    });
    CHECK(latents({keep}, recipe) == plain);
    CHECK(seen.size() >= 2);
    const auto put_back =
        probe(point, "", [&](const mx::array&, const ProbeView& at) { return mx::copy(seen.at(key_of(at))); });
    CHECK(latents({put_back}, recipe) == plain);
  }
}

TEST_CASE("law: over generated recipes, to look everywhere and to put everything back changes no bit") {
  int judged = 0;
  for (unsigned seed = 700; judged < 6; ++seed) {
    const std::string family = seed % 2 ? "sdxl" : "small";
    auto recipe = RecipeGenerator(family, seed).recipe();
    CAPTURE(to_json(recipe));
    std::vector<mx::array> seen;  // calls come in the same order again
    size_t next = 0;
    Probed look, put_back;
    for (const auto point : kPoints) {
      look.push_back(probe(point, "", [&](const mx::array& x, const ProbeView&) {
        mx::eval(x);
        seen.push_back(x);
        return x;
      }));
      put_back.push_back(
          probe(point, "", [&](const mx::array&, const ProbeView&) { return mx::copy(seen.at(next++)); }));
    }
    try {
      Request request{.recipe = recipe, .decode = false};
      const auto plain = tiny(family).generate(request).latents;
      request.probes = look;
      CHECK(tiny(family).generate(request).latents == plain);
      request.probes = put_back;
      CHECK(tiny(family).generate(request).latents == plain);
      CHECK(next == seen.size());
      ++judged;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::invalid_request) throw;  // refused before the run
    }
  }
}

TEST_CASE("what is put in another's place changes the picture, where, when and in the rows that were asked for") {
  const auto plain = latents({});
  const auto nothing = [](const mx::array& x, const ProbeView&) { return mx::zeros_like(x); };
  for (const auto point : kPoints) {
    CAPTURE(static_cast<int>(point));
    const bool whole = point == ProbePoint::prediction || point == ProbePoint::guided;
    CHECK(latents({probe(point, whole ? "" : "middle:0", nothing)}) != plain);
  }
  int calls = 0;
  const auto count = [&](const mx::array& x, const ProbeView& at) {
    ++calls;
    CHECK(at.block == "output:1");
    CHECK(at.site.path == "up_blocks.1");
    CHECK(at.step.index == 1);
    CHECK(at.rows.size() == 1);
    CHECK(at.rows[0].side == ProbeRow::Side::prompt);
    CHECK(x.shape(0) == 1);
    CHECK(x.shape(1) == at.site.height);
    CHECK(x.shape(2) == at.site.width);
    return mx::zeros_like(x);
  };
  CHECK(latents({probe(ProbePoint::block_output, "output:1", count, AttentionKind::both, Window::steps(1, 2),
                       Rows::cond)}) != plain);
  CHECK(calls == 1);
  auto unguided = short_run();
  unguided.guidance = 1;
  CHECK(latents({probe(ProbePoint::block_output, "", nothing, AttentionKind::both, {}, Rows::uncond)}, unguided) ==
        latents({}, unguided));
}

TEST_CASE("a map that is put in place acts as the control that makes it") {
  const auto even = [](const mx::array& map, const ProbeView& at) {
    CHECK(map.shape(1) == at.site.heads);
    CHECK(map.shape(2) == at.site.height * at.site.width);
    CHECK(mx::allclose(mx::sum(map, -1), mx::ones({1}), 1e-4).item<bool>());
    return mx::full(map.shape(), 1 / static_cast<float>(map.shape(3)), mx::float32);
  };
  const auto control = temperature(1e6, AttentionKind::cross).on(Rows::both).at("middle:0, output:1");
  const auto controlled = latents({}, short_run({control}));
  const auto probed = latents({probe(ProbePoint::attention_map, "middle:0, output:1", even, AttentionKind::cross)});
  CHECK(relative_error(probed, controlled) <= (test_dtype() == ComputeType::float32 ? 1e-4 : 5e-2));
}

TEST_CASE("the UNet's prediction and what guidance makes of it are the run's own") {
  std::vector<mx::array> rows, guided;
  const auto into = [](std::vector<mx::array>& list) {
    return [&list](const mx::array& x, const ProbeView&) {
      mx::eval(x);
      list.push_back(mx::astype(x, mx::float32));
      return x;
    };
  };
  const auto recipe = short_run();
  latents({probe(ProbePoint::prediction, "", into(rows)), probe(ProbePoint::guided, "", into(guided))}, recipe);
  REQUIRE(rows.size() == 2);
  const auto one = [&](int r) {
    const auto& x = rows[0];
    return mx::slice(x, {r, 0, 0, 0}, {r + 1, x.shape(1), x.shape(2), x.shape(3)});
  };
  const mx::array scale(static_cast<float>(recipe.guidance));
  CHECK(relative_error(one(0) + scale * (one(1) - one(0)), guided[0]) <= 1e-6);
}

TEST_CASE("wrong probes are refused before the run; what one throws comes back as it is") {
  CHECK(message_of(nullptr).find("probes[0]") != std::string::npos);
  CHECK(message_of(probe(ProbePoint::block_output, "middle:7", unchanged)).find("middle:0") != std::string::npos);
  CHECK(message_of(probe(ProbePoint::attention_map, "middle:7", unchanged)).find("middle:0") != std::string::npos);
  CHECK(message_of(probe(ProbePoint::resnet_output, "output:1.7", unchanged)).find("output:1.1") != std::string::npos);
  CHECK(message_of(probe(ProbePoint::guided, "middle:0", unchanged)).find("block_output") != std::string::npos);
  CHECK(message_of(probe(ProbePoint::guided, "", unchanged, AttentionKind::both, Window::steps(8, 9))).find("when") !=
        std::string::npos);
  const auto cut = [](const mx::array& x, const ProbeView&) {
    return mx::slice(x, {0, 0, 0, 0}, {1, 1, 1, x.shape(3)});
  };
  CHECK(message_of(probe(ProbePoint::block_output, "middle:0", cut)).find("mid_block") != std::string::npos);
  const auto thrower = [](const mx::array&, const ProbeView&) -> mx::array { throw 7; };
  CHECK_THROWS_AS(latents({probe(ProbePoint::block_output, "middle:0", thrower)}), int);
}

TEST_CASE("noise that is given is the run's, and x is the first step's") {
  Request request{.recipe = golden_recipe("small"), .decode = false};
  request.recipe.steps = 2;
  const auto own = tiny("small").generate(request);
  request.latents = {numbers(Golden("small"), "pipeline/noise")};
  const auto given = tiny("small").generate(request);
  CHECK(relative_error(given.latents.at(0), own.latents.at(0)) <= 1e-4);
  CHECK(given.notes.size() == own.notes.size() + 1);

  request.recipe.sigmas = {3.0}, request.recipe.steps = 1, request.latents_are_x = true;
  request.latents[0].assign(request.latents[0].size(), 0.5f);
  mx::array guided(0.f);
  request.probes = {probe(ProbePoint::guided, "", [&](const mx::array& p, const ProbeView& at) {
    CHECK(at.step.sigma == doctest::Approx(3));
    mx::eval(p);
    guided = p;
    return p;
  })};
  const auto denoised = tiny("small").generate(request).latents.at(0);
  CHECK(denoised[0] == doctest::Approx(0.5 - 3 * guided.data<float>()[0]).epsilon(1e-4));

  request.latents[0].pop_back();
  CHECK(message_of(request).find("[4, 8, 16]") != std::string::npos);
  request.latents.emplace_back();
  CHECK(message_of(request).find("one for each") != std::string::npos);
}
