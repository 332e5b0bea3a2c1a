#pragma once
// The report: docs/efficacy.md and its picture sheets, from the facts of a run.

#include <filesystem>
#include <string>

#include "facts.h"

namespace corepulse::efficacy {

/** The text of docs/efficacy.md. */
std::string report_text(const Facts& facts);

/** The tables of the blocks' roles, for the same page. */
std::string role_tables(const Facts& facts);

/** Writes the page's picture sheets into `folder`. @throws Error io, not_found. */
void write_sheets(const Facts& facts, const std::filesystem::path& folder);

/** "97 %", or "-" of nothing. */
std::string percent(const Rate& rate);

}  // namespace corepulse::efficacy
