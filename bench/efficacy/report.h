#pragma once
// The report: docs/efficacy.md and its picture sheets, from the facts of a run.

#include <filesystem>
#include <string>

#include "facts.h"

namespace corepulse::efficacy {

/** The text of docs/efficacy.md. */
std::string report_text(const Facts& facts);

/** The parts about prompt_to_prompt, normalized_guidance and guide_by, for the same page; "" without facts. */
std::string guide_text(const Facts& facts);

/** The parts about ControlNets and picture prompts, likewise. */
std::string pictures_text(const Facts& facts);

/** The tables of the blocks' roles, for the same page. */
std::string role_tables(const Facts& facts);

/** Injecting a prompt that differs in one property: how often that moved, of the pictures that were plainly right. */
struct Move {
  Rate moved, object_kept;
};
/** `property`: scene, colour or style; `variant`: where it is injected; `of`: only these pairs. */
Move role_of(const Facts& facts, const std::string& property, const std::string& variant,
             bool (*of)(const Pair&) = nullptr);

/** The pictures that the sheets show, by name. */
std::vector<Tile> shown_tiles(const Facts& facts);
bool same(const Tile& a, const Tile& b);

/** Writes the page's picture sheets into `folder`. @throws Error io, bad_file (a picture was not kept). */
void write_sheets(const Facts& facts, const std::filesystem::path& folder);

/** A Markdown table with a row for each variant that was tried. */
std::string rows_table(const char* head, const Query& query,
                       const std::function<std::string(const std::string&)>& cells);

/** "97 %", or "-" of nothing. */
std::string percent(const Rate& rate);

}  // namespace corepulse::efficacy
