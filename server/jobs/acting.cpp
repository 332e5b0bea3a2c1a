#include "jobs/acting.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace corepulse::server {
namespace {

using nlohmann::json;

/** Steps of a program from `first` on, counted from 0, are as it says. */
void read_program(const json& program, int pass, int first, Acting& acting) {
  std::map<int, std::vector<int>> by_step;
  const auto& calls = program.at("calls");
  for (const auto& call : calls) by_step[call.at("step").get<int>()];
  for (const auto& control : program.at("controls")) {
    if (control.at("state") != "acts") continue;
    for (const auto& call : control.at("calls")) {
      auto& indices = by_step[calls.at(call.get<size_t>()).at("step").get<int>()];
      const int index = control.at("index");
      if (std::find(indices.begin(), indices.end(), index) == indices.end()) indices.push_back(index);
    }
  }
  for (auto& [step, indices] : by_step)
    if (step >= first) acting[{pass, step + 1}] = std::move(indices);
}

/** @param beside holds the program's edits, if there are any. */
void read_model(const json& program, const json& beside, int pass, Acting& acting) {
  read_program(program, pass, 0, acting);
  if (const auto edits = beside.find("edits"); edits != beside.end())
    for (const auto& edit : *edits) read_program(edit.at("program"), pass, edit.at("step"), acting);
}

/** A pass, and the refiner that ends it, if one does. */
void read_pass(const json& program, const json& beside, int pass, Acting& acting) {
  read_model(program, beside, pass, acting);
  if (const auto refiner = beside.find("refiner"); refiner != beside.end())
    read_model(refiner->at("program"), *refiner, pass, acting);
}

}  // namespace

Acting acting_of(const std::string& explanation) {
  const auto program = json::parse(explanation);
  Acting acting;
  read_pass(program, program, 1, acting);
  if (const auto second = program.find("second_pass"); second != program.end())
    read_pass(second->at("program"), *second, 2, acting);
  return acting;
}

}  // namespace corepulse::server
