// The laws of docs/control.md that plans alone can show.
#include "control/program/program.h"

#include <cmath>
#include <doctest/doctest.h>

#include "support.h"

namespace corepulse::control::test {
namespace {

using Controls = std::vector<corepulse::Control>;

const std::string kPrompt = "a cat in a park";

ProgramInputs sd15() {
  return run_of(sd15_sites(), kPrompt);
}

// Calls f(site, step) for every attention call of the run.
template <class F>
void each_call(const ProgramInputs& inputs, F f) {
  for (const auto& site : inputs.sites)
    for (const auto& call : inputs.calls) f(site, with_rows(call, inputs.batch, inputs.guidance != 1));
}

// The same numbers, though made by another program.
bool same(const Values& a, const Values& b) {
  return a == b || (a && b && *a == *b);
}
bool same(const Reading& a, const Reading& b) {
  return a.sources == b.sources && same(a.share, b.share) && a.share_heads == b.share_heads &&
         a.share_pixels == b.share_pixels && same(a.bias, b.bias) && same(a.key_gain, b.key_gain) &&
         same(a.value_gain, b.value_gain) && a.temperature == b.temperature && a.function == b.function;
}
bool same(const AttentionPlan& a, const AttentionPlan& b) {
  if (a.rows.size() != b.rows.size()) return false;
  for (size_t r = 0; r < a.rows.size(); ++r)
    if (!std::is_permutation(a.rows[r].begin(), a.rows[r].end(), b.rows[r].begin(), b.rows[r].end(),
                             [](const Reading& x, const Reading& y) { return same(x, y); }))
      return false;
  return true;
}

bool same_program(const Controls& a, const Controls& b, const ProgramInputs& inputs) {
  const auto one = Program::resolve(a, inputs), other = Program::resolve(b, inputs);
  bool equal = true;
  each_call(inputs,
            [&](const Site& site, const Step& step) { equal &= same(one.plan(site, step), other.plan(site, step)); });
  return equal;
}

bool plain_everywhere(const Controls& controls, const ProgramInputs& inputs) {
  const auto program = Program::resolve(controls, inputs);
  bool plain = true;
  each_call(inputs, [&](const Site& site, const Step& step) { plain &= is_plain(program, site, step); });
  return plain && program.texts().size() == 2;
}

}  // namespace

TEST_CASE("without controls every row is one plain reading of its own source") {
  const auto inputs = sd15();
  CHECK(plain_everywhere({}, inputs));
  const auto program = Program::resolve({}, inputs);
  const auto plan = program.plan(inputs.sites[1], with_rows(inputs.calls[0]));
  CHECK(plan.rows[0][0].sources[0] == Source{Source::Kind::text, 1});
  CHECK(plan.rows[1][0].sources[0] == Source{Source::Kind::text, 0});
  CHECK(program.plan(inputs.sites[0], with_rows(inputs.calls[0])).rows[0][0].sources[0] ==
        Source{Source::Kind::own, 0});
}

TEST_CASE("neutral controls are dropped: the plan is plain and no text is encoded for them") {
  const auto inputs = sd15();
  const Controls neutral{inject("a dragon").strength(0),
                         inject("A  cat in a PARK"),
                         inject("a dragon").enable(false),
                         reweight("cat", 1),
                         reweight(Tokens(Tokens::Part::all), 0.3),
                         value_gain("park", 1),
                         mask_tokens("park").strength(0),
                         replace_tokens("cat", "cat"),
                         regions({{kPrompt, rectangle(0, 0, 0.5, 1)}, {kPrompt, rectangle(0.5, 0, 0.5, 1)}}),
                         attend(rectangle(0, 0, 0.5, 1), 1),
                         temperature(1),
                         temperature(1, AttentionKind::both),
                         smooth(0),
                         attend(rectangle(0, 0, 1, 1), 3)};
  for (const auto& control : neutral) {
    CAPTURE(kind_name(control.effect));
    CHECK(plain_everywhere({control}, inputs));
    const auto report = Program::resolve({control}, inputs).reports()[0];
    CHECK(report.pairs == 0);
    if (control.enabled) {
      CHECK(report.state == ControlReport::State::neutral);
      CHECK(!report.reason.empty());
    } else {
      CHECK(report.state == ControlReport::State::disabled);
    }
  }
  CHECK(plain_everywhere(neutral, inputs));
}

TEST_CASE("with elision off neutral controls take the long way, with neutral numbers") {
  const auto inputs = sd15();
  const auto site = site_of(inputs.sites, "middle:0");
  const auto program = Program::resolve({inject("a dragon").strength(0), reweight("cat", 1)}, inputs, {.elide = false});
  const auto plan = program.plan(site, with_rows(inputs.calls[0]));
  REQUIRE(plan.rows[1].size() == 3);
  CHECK((*plan.rows[1][0].share)[0] == 0);
  CHECK((*plan.rows[1][1].share)[0] == 1);
  CHECK(std::all_of(plan.rows[1][1].bias->begin(), plan.rows[1][1].bias->end(), [](float b) { return b == 0; }));
}

TEST_CASE("outside its window, layers and rows a control leaves plans plain") {
  const auto inputs = sd15();
  const auto program = Program::resolve({inject("a dragon").at("middle:0, output:1").steps(3, 7)}, inputs);
  each_call(inputs, [&](const Site& site, const Step& step) {
    const bool acts = site.cross && step.index >= 3 && step.index < 7 &&
                      (site.kind == BlockKind::middle || (site.kind == BlockKind::output && site.block == 1));
    const auto plan = program.plan(site, step);
    CHECK(is_plain(program, site, step) == !acts);
    CHECK(plan.rows[0][0].plain());
    CHECK(program.acting(site, step).size() == (acts ? 1 : 0));
  });
  const auto& report = program.reports()[0];
  CHECK(report.pairs == 4 * 4);
}

TEST_CASE("a whole injection of strength 1 is one plain reading of the other text") {
  const auto inputs = sd15();
  const auto program = Program::resolve({inject("a dragon")}, inputs);
  REQUIRE(program.texts().size() == 3);
  CHECK(program.texts()[2].prompt == "a dragon");
  each_call(inputs, [&](const Site& site, const Step& step) {
    const auto plan = program.plan(site, step);
    if (!site.cross) return;
    CHECK(plan.rows[0][0].plain());
    CHECK(plan.rows[0][0].sources[0].id == 1);
    REQUIRE(plan.rows[1].size() == 1);
    CHECK(plan.rows[1][0].plain());
    CHECK(plan.rows[1][0].sources[0].id == 2);
  });
}

TEST_CASE("step windows [a,b) and [b,c) together are [a,c)") {
  const auto inputs = sd15();
  const auto half = rectangle(0, 0, 0.5, 1).feather(0.1);
  const auto part = [&](int a, int b) {
    return inject("a dragon").steps(a, b).strength({{0, 0.2}, {1, 1}}).within(half);
  };
  CHECK(same_program({part(2, 9), part(9, 14)}, {part(2, 14)}, inputs));
  CHECK_FALSE(same_program({part(2, 8), part(9, 14)}, {part(2, 14)}, inputs));
}

TEST_CASE("a mask of ones is no mask") {
  const auto inputs = sd15();
  const auto ones = rectangle(-1, -1, 3, 3);
  const Controls kinds{inject("a dragon").strength(0.4), reweight("cat", 3), value_gain("cat", -1),
                       attend(circle(0.5, 0.5, 0.3), 4), temperature(2),     smooth(0.5)};
  for (auto control : kinds) {
    auto masked = control;
    CHECK(same_program({masked.within(ones)}, {control}, inputs));
    CHECK(same_program({masked.within(rectangle(0.1, 0, 0.2, 1) + !rectangle(0.1, 0, 0.2, 1))}, {control}, inputs));
  }
}

TEST_CASE("binary complementary masks act in either order") {
  // Halves of every grid from 64 down to 8.
  const auto inputs = sd15();
  const auto left = rectangle(0, 0, 0.5, 1);
  const auto a = inject("a dragon").within(left), b = inject("a ship").within(!left);
  CHECK(same_program({a, b}, {b, a}, inputs) == false);  // ids are given in another order
  const Controls named{inject("a dragon").steps(0, 1), inject("a ship").steps(1, 2)};
  const auto later = [&](corepulse::Control c) { return c.steps(2, 20); };
  CHECK(same_program({named[0], named[1], later(a), later(b)}, {named[0], named[1], later(b), later(a)}, inputs));
  const auto soft = left.feather(0.2);
  const auto c = later(inject("a dragon").within(soft)), d = later(inject("a ship").within(!soft));
  CHECK_FALSE(same_program({named[0], named[1], c, d}, {named[0], named[1], d, c}, inputs));
}

TEST_CASE("shares sum to 1 at every pixel and head") {
  const auto inputs = sd15();
  const auto program =
      Program::resolve({inject("a dragon").strength(0.3).within(circle(0.4, 0.5, 0.3).feather(0.1)),
                        inject("a ship").strength({{0, 0}, {1, 1}}).within(rectangle(0.3, 0, 0.4, 1)),
                        reweight("cat", 0.5).for_heads({0, 3}).strength(0.7),
                        regions({{"snow", rectangle(0, 0, 0.6, 1)}, {"fire", rectangle(0.4, 0, 0.6, 1)}}, 0.2)},
                       inputs);
  each_call(inputs, [&](const Site& site, const Step& step) {
    for (const auto& row : program.plan(site, step).rows) {
      const int pixels = grid(site, 64, 64).tokens();
      std::vector<double> sum(static_cast<size_t>(site.heads) * pixels);
      for (const auto& r : row)
        for (int h = 0; h < site.heads; ++h)
          for (int p = 0; p < pixels; ++p)
            sum[h * pixels + p] +=
                !r.share ? 1 : (*r.share)[(r.share_heads > 1 ? h : 0) * r.share_pixels + (r.share_pixels > 1 ? p : 0)];
      double worst = 0;
      for (const double s : sum) worst = std::max(worst, std::abs(s - 1));
      REQUIRE(worst < 1e-6);
    }
  });
}

TEST_CASE("reweight is a bias of log scale at the phrase's tokens, and scales multiply") {
  const auto inputs = run_of(sd15_sites(), "a cat in a park with a Cat");
  const auto program = Program::resolve({reweight("CAT", 0.5), reweight(Tokens("cat", 2), 4)}, inputs);
  const auto plan = program.plan(site_of(inputs.sites, "middle:0"), with_rows(inputs.calls[0]));
  const auto& bias = *plan.rows[1][0].bias;
  REQUIRE(bias.size() == 77);
  for (int i = 0; i < 77; ++i)
    CHECK(bias[i] == (i == 2   ? static_cast<float>(std::log(0.5))
                      : i == 8 ? static_cast<float>(std::log(0.5) + std::log(4))
                               : 0.f));
  CHECK(plan.rows[0][0].plain());
  const auto hardly =
      Program::resolve({reweight("park", 1e-30)}, inputs).plan(inputs.sites[1], with_rows(inputs.calls[0]));
  CHECK(hardly.rows[1][0].bias->at(5) == static_cast<float>(std::log(1e-30)));
}

TEST_CASE("numbers that do not change are the same pointer at every step") {
  const auto inputs = sd15();
  const auto program = Program::resolve(
      {reweight("cat", 2), inject("snow").within(circle(0.5, 0.5, 0.3)).strength({{0, 0}, {0.5, 1}})}, inputs);
  const auto site = site_of(inputs.sites, "output:1");
  const auto late = program.plan(site, with_rows(inputs.calls[12]));
  const auto later = program.plan(site, with_rows(inputs.calls[19]));
  const auto early = program.plan(site, with_rows(inputs.calls[4]));
  CHECK(late.rows == later.rows);
  CHECK(early.rows[1][0].bias == late.rows[1][0].bias);
  CHECK_FALSE(early.rows[1][0].share == late.rows[1][0].share);
}

TEST_CASE("masked tokens get -inf; all of them masked is an error") {
  const auto inputs = sd15();
  const auto plan = Program::resolve({mask_tokens("park")}, inputs)
                        .plan(site_of(inputs.sites, "middle:0"), with_rows(inputs.calls[0]));
  CHECK((*plan.rows[1][0].bias)[5] == -INFINITY);
  CHECK((*plan.rows[1][0].bias)[4] == 0);
  CHECK(error_of({mask_tokens(Tokens(Tokens::Part::all))}, inputs) ==
        "[controls[0]] no token of \"a cat in a park\" is left to read; expected at least one");
}

TEST_CASE("words left out or exchanged take their text's other embeddings along, aligned") {
  const auto inputs = sd15();
  const auto site = site_of(inputs.sites, "middle:0");
  const auto texts = [&](corepulse::Control control) { return Program::resolve({std::move(control)}, inputs).texts(); };
  CHECK(texts(mask_tokens("in a").context(TokenContext::reencode))[2].prompt == "a cat park");
  CHECK(texts(replace_tokens("cat", "fluffy dog").context(TokenContext::replace))[2] ==
        ContextSpec{.prompt = "a fluffy dog in a park"});
  const auto kept = texts(replace_tokens("cat", "fluffy dog"));
  REQUIRE(kept.size() == 4);
  CHECK(kept[2].prompt == "a fluffy dog in a park");
  REQUIRE(kept[3].picks.size() == 77);
  CHECK(kept[3].picks[1] == Pick{0, 1});  // a
  CHECK(kept[3].picks[2] == Pick{2, 2});  // fluffy
  CHECK(kept[3].picks[3] == Pick{2, 3});  // dog
  CHECK(kept[3].picks[4] == Pick{0, 3});  // in
  CHECK(kept[3].picks[7] == Pick{0, 6});  // the end
  CHECK(kept[3].picks[76] == Pick{0, 75});
  // An edit made before follows its word.
  const auto plan = Program::resolve({reweight("park", 3), replace_tokens("cat", "fluffy dog")}, inputs)
                        .plan(site, with_rows(inputs.calls[0]));
  CHECK((*plan.rows[1][0].bias)[6] == static_cast<float>(std::log(3)));
  CHECK((*plan.rows[1][0].bias)[5] == 0);
}

TEST_CASE("overlapping regions share a pixel; where there is none the prompt is read") {
  const auto inputs = sd15();
  const auto plan =
      Program::resolve({regions({{"snow", rectangle(0, 0, 0.75, 1)}, {"fire", rectangle(0.5, 0, 0.25, 1)}})}, inputs)
          .plan(site_of(inputs.sites, "middle:0"), with_rows(inputs.calls[0]));
  REQUIRE(plan.rows[1].size() == 3);
  const auto share = [&](int reading, int x) { return (*plan.rows[1][reading].share)[x]; };
  for (int x = 0; x < 8; ++x) {
    CHECK(share(0, x) == (x < 6 ? 0.f : 1.f));
    CHECK(share(1, x) == (x < 4 ? 1.f : x < 6 ? 0.5f : 0.f));
    CHECK(share(2, x) == (x < 4 ? 0.f : x < 6 ? 0.5f : 0.f));
  }
}

TEST_CASE("self-attention: attend, temperature, smooth and share make their readings") {
  auto inputs = sd15();
  inputs.batch = 2;
  const auto site = site_of(inputs.sites, "middle:0", false);
  const auto at = [&](corepulse::Control control) {
    return Program::resolve({std::move(control)}, inputs).plan(site, with_rows(inputs.calls[0], 2));
  };
  const auto attended = at(attend(rectangle(0.5, 0, 0.5, 1), 4).within(rectangle(0, 0, 0.5, 1)));
  REQUIRE(attended.rows[2].size() == 2);
  CHECK((*attended.rows[2][1].bias)[0] == 0);
  CHECK((*attended.rows[2][1].bias)[7] == static_cast<float>(std::log(4)));
  CHECK((*attended.rows[2][1].share)[3] == 1);
  CHECK((*attended.rows[2][1].share)[4] == 0);
  CHECK(at(temperature(0.5)).rows[2][0].temperature == 0.5f);
  const auto smoothed = at(smooth(0.25));
  CHECK(std::isinf(smoothed.rows[2][1].temperature));
  CHECK((*smoothed.rows[2][1].share)[0] == 0.25f);
  const auto joined = Program::resolve({share_image(0).steps(3, 5)}, inputs);
  for (const auto& call : inputs.calls) CHECK(joined.step(call).joins_images == (call.index == 3 || call.index == 4));
  const auto shared = at(share_image(0));
  CHECK(shared.rows[2][0].plain());
  CHECK(shared.rows[3][0].sources == std::vector<Source>{{Source::Kind::own, 0}, {Source::Kind::image, 0}});
  CHECK(at(share_image(0, Share::How::instead)).rows[3][0].sources == std::vector<Source>{{Source::Kind::image, 0}});
  CHECK(error_of({attend(rectangle(0, 0, 1, 1), 0)}, inputs).find("every pixel is barred") != std::string::npos);
}

TEST_CASE("two barriers that face each other bar no pixel from everything") {
  auto inputs = sd15();
  const auto left = rectangle(0, 0, 0.5, 1), right = rectangle(0.5, 0, 0.5, 1);
  const auto plan = Program::resolve({attend(right, 0).within(left), attend(left, 0).within(right)}, inputs)
                        .plan(site_of(inputs.sites, "middle:0", false), with_rows(inputs.calls[0]));
  REQUIRE(plan.rows[1].size() == 2);
  for (const auto& reading : plan.rows[1]) {
    const bool in_left = (*reading.share)[0] == 1;
    CHECK((*reading.share)[7] == (in_left ? 0 : 1));
    CHECK(std::isinf((*reading.bias)[in_left ? 7 : 0]));
    CHECK((*reading.bias)[in_left ? 0 : 7] == 0);
  }
}

TEST_CASE("step inputs follow their windows and curves") {
  auto inputs = run_of(sdxl_sites(), kPrompt, 1024, 1024);
  inputs.pooled = true, inputs.time_ids = TimeIds{1024, 1024, 0, 0, 1024, 1024};
  const auto program =
      Program::resolve({guidance({{0, 8}, {1, 3}}), pooled("a dragon", 0.25).steps(0, 2),
                        negative("blurry").steps(5, 9), time_ids({.crop = {{64, 0}}}).progress(0.5, 1)},
                       inputs);
  CHECK(program.step(inputs.calls[0]).guidance == 8);
  CHECK(program.step(inputs.calls[19]).guidance == 3);
  const auto early = program.step(inputs.calls[1]);
  REQUIRE(early.pooled.size() == 2);
  CHECK(early.pooled[0] == std::pair{0, 0.75f});
  CHECK(early.pooled[1].second == 0.25f);
  CHECK(program.texts()[early.pooled[1].first].prompt == "a dragon");
  CHECK(program.step(inputs.calls[2]).pooled.size() == 1);
  const auto late = program.step(inputs.calls[8]);
  CHECK(program.texts()[late.negative] == ContextSpec{.prompt = "blurry", .negative = true});
  CHECK(program.step(inputs.calls[9]).negative == 1);
  CHECK_FALSE(program.step(inputs.calls[9]).time_ids);
  CHECK(program.step(inputs.calls[10]).time_ids == TimeIds{1024, 1024, 64, 0, 1024, 1024});
  // The uncond row reads the negative prompt of the step.
  const auto plan = program.plan(site_of(inputs.sites, "middle:0"), with_rows(inputs.calls[6]));
  CHECK(plan.rows[0][0].sources[0].id == late.negative);
  CHECK_FALSE(is_plain(program, site_of(inputs.sites, "middle:0"), with_rows(inputs.calls[6])));
}

TEST_CASE("a second evaluation has its step's progress and its own sigma") {
  auto inputs = sd15();
  inputs.calls = schedule(10, true);
  const double between = std::sqrt(inputs.calls[4].sigma * inputs.calls[5].sigma);
  const auto program = Program::resolve({inject("a dragon").sigma(between, 0)}, inputs);
  const auto site = site_of(inputs.sites, "middle:0");
  CHECK(is_plain(program, site, with_rows(inputs.calls[4])));
  CHECK_FALSE(is_plain(program, site, with_rows(inputs.calls[5])));  // same step, lower sigma
  CHECK_FALSE(is_plain(program, site, with_rows(inputs.calls[6])));
  const auto by_step = Program::resolve({inject("a dragon").steps(2, 3)}, inputs);
  CHECK_FALSE(is_plain(by_step, site, with_rows(inputs.calls[5])));
}

TEST_CASE("images of a batch are treated alone") {
  auto inputs = sd15();
  inputs.batch = 3;
  const auto program = Program::resolve({inject("a dragon").for_images({1})}, inputs);
  const auto plan = program.plan(site_of(inputs.sites, "middle:0"), with_rows(inputs.calls[0], 3));
  for (int row = 0; row < 6; ++row) CHECK(plan.rows[row][0].sources[0].id == (row < 3 ? 1 : row == 4 ? 2 : 0));
}

TEST_CASE("observers and functions leave readings as they are but for their own mark") {
  auto inputs = sd15();
  inputs.functions = {{.name = "mine", .where = "middle:0", .attention = AttentionKind::self}};
  const auto program =
      Program::resolve({capture("cat").at("output:1").steps(0, 10), record("style").at("output:2")}, inputs);
  REQUIRE(program.captures().size() == 2);
  CHECK(program.captures()[0].positions == std::map<TextId, std::vector<int>>{{0, {2}}});
  const auto step = with_rows(inputs.calls[0]);
  CHECK(program.plan(site_of(inputs.sites, "output:1"), step).captures == std::vector<int>{0});
  CHECK(is_plain(program, site_of(inputs.sites, "output:1"), step));
  CHECK(program.plan(site_of(inputs.sites, "output:2", false), step).captures == std::vector<int>{1});
  const auto plan = program.plan(site_of(inputs.sites, "middle:0", false), step);
  CHECK(plan.rows[0][0].function == 0);
  CHECK(program.functions()[0].name == "mine");
}

TEST_CASE("a live edit keeps the ids of the texts it shares") {
  const auto inputs = sd15();
  const auto before =
      Program::resolve({inject("a dragon"), inject("a ship").strength(0.5), replace_tokens("ship", "boat")}, inputs);
  const auto after =
      Program::resolve({inject("a ship"), inject("a bird").strength(0.5)}, inputs, {.texts = before.texts()});
  REQUIRE(after.texts().size() == before.texts().size() + 1);
  for (size_t i = 0; i < before.texts().size(); ++i) CHECK(after.texts()[i] == before.texts()[i]);
}

}  // namespace corepulse::control::test
