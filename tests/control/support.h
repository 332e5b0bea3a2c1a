#pragma once
// Runs without a model: layer tables, a schedule, and a tokenizer of whole words.

#include <string>
#include <vector>

#include "control/program/program.h"

namespace corepulse::control::test {

/** Attention layers as in Stable Diffusion 1.5 (16 cross layers), SDXL (70) and the built-in model (three levels). */
std::vector<Site> sd15_sites();
std::vector<Site> sdxl_sites();
std::vector<Site> builtin_sites();

/**
 * A word is a run of letters and digits, lower-cased; other characters are words of their own. Words of more than six
 * letters are two tokens. 77 positions: start, words, end, padding with ends.
 */
std::vector<TokenizedText> tokenize(const PromptText& written);

/** n steps of falling sigma from 14.6 to 0.03; `heun`: two calls in every step but the last. */
std::vector<Step> schedule(int n, bool heun = false);

/** A run of 20 steps at 512 x 512 (or width x height), guidance 5. */
ProgramInputs run_of(std::vector<Site> sites, const std::string& prompt, int width = 512, int height = 512);

/** The call with a cond and an uncond row for each image. */
Step with_rows(Step call, int batch = 1, bool guided = true);

/** The first site of the block, "middle:0", cross or self. */
Site site_of(const std::vector<Site>& sites, const std::string& block, bool cross = true);

/** No control acts: every row of the step reads its own source, whole and unedited. */
bool is_plain(const Program& program, const Site& site, const Step& step);

/** The message of the Error that resolving throws, without the code; "" if it throws none. */
std::string error_of(const std::vector<corepulse::Control>& controls, const ProgramInputs& inputs);

}  // namespace corepulse::control::test
