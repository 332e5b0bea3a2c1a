#pragma once
// The JSON examples of docs/control.md.

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "support/places.h"

namespace corepulse::test {

inline std::string control_page() {
  std::ostringstream text;
  text << std::ifstream(test::golden_folder() + "/../../docs/control.md").rdbuf();
  return text.str();
}

/** The objects in the page's ```json blocks: one each, or one per line; single controls are made recipes. */
inline std::vector<nlohmann::json> example_recipes() {
  std::vector<nlohmann::json> all;
  const auto add = [&](nlohmann::json json) {
    if (!json.contains("version")) json = {{"version", 1}, {"controls", nlohmann::json::array({std::move(json)})}};
    all.push_back(std::move(json));
  };
  const auto text = control_page();
  for (size_t at = text.find("```json\n"); at != text.npos; at = text.find("```json\n", at + 1)) {
    const size_t begin = at + 8, end = text.find("```", begin);
    const auto block = text.substr(begin, end - begin);
    if (auto whole = nlohmann::json::parse(block, nullptr, false); !whole.is_discarded()) {
      add(std::move(whole));
      continue;
    }
    std::istringstream lines(block);
    for (std::string line; std::getline(lines, line);) add(nlohmann::json::parse(line));
  }
  return all;
}

}  // namespace corepulse::test
