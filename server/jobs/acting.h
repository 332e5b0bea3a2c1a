#pragma once
// At which steps each control acts, as explain tells it.

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace corepulse::server {

/** Indices of controls by (pass, step), both as Progress counts them: from 1. */
using Acting = std::map<std::pair<int, int>, std::vector<int>>;

/** Of Explanation::json. */
Acting acting_of(const std::string& explanation);

}  // namespace corepulse::server
