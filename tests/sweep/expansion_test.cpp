// Which cells a sweep has, and what is wrong with them.

#include "sweep/expansion.h"

#include <doctest/doctest.h>
#include <set>

#include "sweep/support.h"

using namespace corepulse;
using namespace corepulse::sweep;

namespace {

Sweep with(std::vector<SweepAxis> axes) {
  return {R"({"version": 1, "prompt": "a {animal} in a park", "seed": 7,
    "controls": [{"kind": "inject", "prompt": "a dragon"}, {"kind": "smooth", "strength": 0.1}]})",
          std::move(axes), ""};
}

/** The message of the error; "" without one. */
std::string complaint(const Sweep& sweep) {
  try {
    (void)cells(sweep);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid_request);
    return error.what();
  }
  return "";
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

double strength_of(const SweepCell& cell) {
  return std::get<Inject>(cell.recipe.controls.at(0).effect).strength.at(0);
}

}  // namespace

TEST_CASE("a sweep has the product of its axes' values, each combination once, the last axis changing first") {
  const auto sweep = with({parse_sweep_axis("where=input:0,middle:0,output:1"), parse_sweep_axis("strength=0..1:5"),
                           parse_sweep_axis("seed=3,4")});
  const auto all = cells(sweep);
  CHECK(cell_count(sweep) == 30);
  REQUIRE(all.size() == 30);
  std::set<std::vector<std::string>> different;
  for (const auto& cell : all) different.insert(cell.labels);
  CHECK(different.size() == 30);
  CHECK(all[0].labels == std::vector<std::string>{"input:0", "0", "3"});
  CHECK(all[1].labels == std::vector<std::string>{"input:0", "0", "4"});
  CHECK(all[2].labels == std::vector<std::string>{"input:0", "0.25", "3"});
  CHECK(all[10].labels == std::vector<std::string>{"middle:0", "0", "3"});
  for (size_t i = 0; i < all.size(); ++i) {
    CHECK(all[i].index == i);
    CHECK(strength_of(all[i]) == doctest::Approx(0.25 * double(i / 2 % 5)));
    CHECK(all[i].recipe.seeds[0] == 3 + i % 2);
    CHECK(all[i].recipe.controls[0].where == (i < 10 ? "input:0" : i < 20 ? "middle:0" : "output:1"));
  }
}

TEST_CASE("fields that change together do not multiply") {
  const auto axis = zipped(parse_sweep_axis("sampler=euler,heun"), parse_sweep_axis("steps=20,10"));
  const auto all = cells(with({axis}));
  REQUIRE(all.size() == 2);
  CHECK(all[1].labels[0] == "heun, 10");
  CHECK(all[1].recipe.sampler == SamplerKind::heun);
  CHECK(all[1].recipe.steps == 10);
  CHECK_THROWS_AS(zipped(parse_sweep_axis("steps=1,2"), parse_sweep_axis("seed=1,2,3")), Error);
}

TEST_CASE("a sweep without axes is one cell") {
  CHECK(cells(with({})).size() == 1);
}

TEST_CASE("a word is replaced wherever texts hold it, also in what another axis has set") {
  const auto all =
      cells(with({parse_sweep_axis("{animal}=cat,2"), parse_sweep_axis("controls[0].prompt=[\"an {animal}, red\"]")}));
  CHECK(all[0].recipe.prompt == "a cat in a park");
  CHECK(all[1].recipe.prompt == "a 2 in a park");
  CHECK(std::get<Inject>(all[0].recipe.controls[0].effect).prompt == "an cat, red");
  CHECK(says(complaint(with({parse_sweep_axis("{thing}=cat")})), "no text of the recipe holds this word"));
}

TEST_CASE("null takes a field away, and seed takes the place of seeds") {
  const auto smoothed = cells(with({parse_sweep_axis("controls[1].strength=0.5,null")}));
  const auto strength = [&](size_t i) { return std::get<Smooth>(smoothed[i].recipe.controls[1].effect).strength; };
  CHECK(strength(0) == Curve(0.5));
  CHECK(strength(1) == Smooth{}.strength);
  auto sweep = with({parse_sweep_axis("seed=null,5")});
  sweep.recipe = R"({"version": 1, "seeds": [1]})";
  const auto all = cells(sweep);
  CHECK(all[0].recipe.seeds == std::vector<uint64_t>{1});
  CHECK(all[1].recipe.seeds == std::vector<uint64_t>{5});
}

TEST_CASE("everything that is wrong is said at once, with its cells and fields, before anything is drawn") {
  const auto text =
      complaint(with({parse_sweep_axis("controls[1].rows=cond,all,none"), parse_sweep_axis("steps=10,0")}));
  CHECK(says(text, "cells are wrong, nothing was drawn"));
  CHECK(says(text, "5 cells"));
  CHECK(says(text, "cell 2 (rows all, steps 10)"));
  CHECK(says(text, "cell 4 (rows none, steps 10)"));
  CHECK(says(text, "cell 1 (rows cond, steps 0)"));
  CHECK(says(text, "controls[1].rows"));
  CHECK(says(complaint(with({parse_sweep_axis("stpes=1,2")})), "stpes"));
  CHECK(says(complaint(with({parse_sweep_axis("controls[7].strength=1")})), "its list has 2"));
  CHECK(says(complaint(with({parse_sweep_axis("prompt.x=1")})), "no object"));
  auto several = with({});
  several.recipe = R"({"version": 1, "seeds": [1, 2]})";
  CHECK(says(complaint(several), "a cell is one picture"));
}

TEST_CASE("many wrong cells are counted, and the message stays short") {
  const auto text = complaint(with({parse_sweep_axis("steps=2001..2900")}));
  CHECK(says(text, "900 cells are wrong"));
  CHECK(text.size() < 8000);
}

TEST_CASE("axes are named by their fields, by whole paths where two fields have one name") {
  const Expansion one(with({parse_sweep_axis("strength=1"), parse_sweep_axis("seed=1")}));
  CHECK(one.names() == std::vector<std::string>{"strength", "seed"});
  const Expansion two(with({parse_sweep_axis("controls[0].strength=1"), parse_sweep_axis("controls[1].strength=1")}));
  CHECK(two.names() == std::vector<std::string>{"controls[0].strength", "controls[1].strength"});
  CHECK(says(complaint(with({parse_sweep_axis("seed=1"), parse_sweep_axis("seed=2")})), "two axes of this name"));
}

TEST_CASE("labels are what people would write") {
  CHECK(label_of(io::Json::parse(R"({"sigma": ["inf", 2.5]})")) == "sigma inf..2.5");
  CHECK(label_of(io::Json::parse("0.1")) == "0.1");
  CHECK(label_of(io::Json::parse("null")) == "none");
  CHECK(label_of(io::Json::parse("[[0, 1]]")) == "[[0,1]]");
}

TEST_CASE("no sweep is larger than what can be counted") {
  auto sweep =
      with({parse_sweep_axis("seed=1..1000"), parse_sweep_axis("steps=1..100"), parse_sweep_axis("guidance=1,2")});
  CHECK(says(complaint(sweep), "more than 100000 cells"));
  sweep.axes.pop_back();
  CHECK(cell_count(sweep) == 100000);
}

TEST_CASE("a swept sampler brings the schedule that its name says, unless an axis has the schedule") {
  Recipe base;
  base.prompt = "a cat", base.schedule = ScheduleKind::sgm_uniform;
  base.second_pass = SecondPass{};
  base.second_pass->schedule = ScheduleKind::simple;
  const auto sampler = parse_sweep_axis("sampler=DPM++ 2M Karras,euler"), schedule = parse_sweep_axis("schedule=beta");
  const auto all = cells({to_json(base), {sampler}, ""});
  CHECK(all.at(0).recipe.sampler == SamplerKind::dpmpp_2m);
  CHECK(all.at(0).recipe.schedule == ScheduleKind::karras);
  CHECK(all.at(1).recipe.schedule == ScheduleKind::sgm_uniform);  // as the recipe says
  for (const auto& both :
       {Sweep{to_json(base), {sampler, schedule}, ""}, Sweep{to_json(base), {schedule, sampler}, ""}})
    for (const auto& cell : cells(both)) CHECK(cell.recipe.schedule == ScheduleKind::beta);
  const auto second = cells({to_json(base), {parse_sweep_axis("second_pass.sampler=DPM++ 2M Karras")}, ""});
  CHECK(second.at(0).recipe.second_pass->schedule == ScheduleKind::karras);
  CHECK(second.at(0).recipe.schedule == ScheduleKind::sgm_uniform);
}

TEST_CASE("a swept few_steps sets its settings, and axes beside it change them") {
  const auto base = to_json(Recipe{.prompt = "a cat"});
  const auto few = parse_sweep_axis("few_steps=null,lightning,dmd2");
  const auto all = cells({base, {few}, ""});
  CHECK(all.at(0).recipe == Recipe{.prompt = "a cat"});
  CHECK(all.at(1).recipe == with_few_steps({.prompt = "a cat"}, FewSteps::lightning));
  CHECK(all.at(2).recipe == with_few_steps({.prompt = "a cat"}, FewSteps::dmd2));
  const auto steps = parse_sweep_axis("steps=8");
  for (const auto& axes : {std::vector{few, steps}, std::vector{steps, few}})
    for (const auto& cell : cells({base, axes, ""})) CHECK(cell.recipe.steps == 8);
}
