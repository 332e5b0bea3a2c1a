#include "support.h"

#include <cctype>
#include <cmath>
#include <fmt/format.h>

#include "corepulse/error.h"

#include "control/program/selector.h"
#include "support/plain_control.h"

namespace corepulse::control::test {
namespace {

struct Level {
  int down_depth, up_depth, heads;  // depth 0: no attention
};

void add(std::vector<Site>& sites, BlockKind kind, int block, int layers, int depth, int heads, int level, int ldm,
         const std::string& path) {
  for (int a = 0; a < layers; ++a)
    for (int d = 0; d < depth; ++d)
      for (const bool cross : {false, true})
        sites.push_back(
            {static_cast<int>(sites.size()), kind, block, a, d, cross, heads, level, ldm + a,
             fmt::format("{}.attentions.{}.transformer_blocks.{}.{}", path, a, d, cross ? "attn2" : "attn1")});
}

std::vector<Site> build(const std::vector<Level>& levels, int middle_depth, int middle_heads) {
  std::vector<Site> sites;
  const int n = static_cast<int>(levels.size());
  for (int b = 0; b < n; ++b)
    add(sites, BlockKind::input, b, 2, levels[b].down_depth, levels[b].heads, b, 1 + 3 * b,
        fmt::format("down_blocks.{}", b));
  add(sites, BlockKind::middle, 0, 1, middle_depth, middle_heads, n - 1, 0, "mid_block");
  for (int b = 0; b < n; ++b) {
    const auto& level = levels[n - 1 - b];
    add(sites, BlockKind::output, b, 3, level.up_depth, level.heads, n - 1 - b, 3 * b, fmt::format("up_blocks.{}", b));
  }
  return sites;
}

}  // namespace

std::vector<Site> sd15_sites() {
  return build({{1, 1, 8}, {1, 1, 8}, {1, 1, 8}, {0, 0, 8}}, 1, 8);
}
std::vector<Site> sdxl_sites() {
  return build({{0, 0, 5}, {2, 2, 10}, {10, 10, 20}}, 10, 20);
}
std::vector<Site> builtin_sites() {
  return build({{1, 1, 2}, {1, 1, 3}, {1, 1, 4}}, 1, 4);
}

std::vector<TokenizedText> tokenize(const PromptText& written) {
  const auto& prompt = written.text;
  constexpr int kStart = 49406, kEnd = 49407;
  constexpr size_t kPositions = 77;
  TokenizedText text;
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || (c & 0x80); };
  for (size_t i = 0; i < prompt.size();) {
    if (std::isspace(static_cast<unsigned char>(prompt[i]))) {
      ++i;
      continue;
    }
    size_t end = i + 1;
    while (is_word(prompt[i]) && end < prompt.size() && is_word(prompt[end])) ++end;
    while (i < end) {
      const size_t stop = end - i > 6 ? i + 6 : end;
      size_t hash = stop == end ? 17 : 5;  // the end of a word is part of its token
      for (size_t j = i; j < stop; ++j)
        hash = hash * 131 + static_cast<size_t>(std::tolower(static_cast<unsigned char>(prompt[j])));
      text.tokens.push_back({static_cast<int>(hash % 49000), static_cast<int>(i), static_cast<int>(stop)});
      i = stop;
    }
  }
  text.ids.push_back(kStart);
  for (size_t i = 0; i < std::min(text.tokens.size(), kPositions - 2); ++i) {
    text.positions.push_back(static_cast<int>(text.ids.size()));
    text.ids.push_back(text.tokens[i].id);
  }
  text.ids.resize(kPositions, kEnd);
  return {text};
}

std::vector<Step> schedule(int n, bool heun) {
  std::vector<Step> calls;
  const auto call = [&] { return static_cast<int>(calls.size()); };
  for (int i = 0; i < n; ++i) {
    const double progress = n > 1 ? static_cast<double>(i) / (n - 1) : 0;
    const auto sigma = [&](double p) { return 14.6 * std::pow(0.03 / 14.6, p); };
    calls.push_back({i, n, call(), progress, 999 * (1 - progress), sigma(progress), true, {}});
    if (!heun || i + 1 == n) continue;
    const double next = static_cast<double>(i + 1) / (n - 1);
    calls.push_back({i, n, call(), progress, 999 * (1 - next), sigma(next), false, {}});
  }
  return calls;
}

ProgramInputs run_of(std::vector<Site> sites, const std::string& prompt, int width, int height) {
  ProgramInputs inputs;
  inputs.sites = std::move(sites);
  inputs.image_width = width, inputs.image_height = height;
  inputs.latent_width = width / 8, inputs.latent_height = height / 8;
  inputs.calls = schedule(20);
  inputs.prompt = prompt;
  inputs.guidance = 5;
  inputs.tokenizer = tokenize;
  return inputs;
}

Step with_rows(Step call, int batch, bool guided) {
  call.rows.clear();
  for (const bool conditional : {false, true})
    for (int i = 0; i < batch && (conditional || guided); ++i) call.rows.push_back({i, conditional});
  return call;
}

Site site_of(const std::vector<Site>& sites, const std::string& block, bool cross) {
  for (const auto& site : sites)
    if (block_name(site) == block && site.cross == cross) return site;
  throw std::runtime_error("no such block: " + block);
}

bool is_plain(const Program& program, const Site& site, const Step& step) {
  return program.plan(site, step).rows == corepulse::test::PlainControl().plan(site, step).rows;
}

std::string error_of(const std::vector<corepulse::Control>& controls, const ProgramInputs& inputs) {
  try {
    Program::resolve(controls, inputs);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace corepulse::control::test
