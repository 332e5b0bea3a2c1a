// corepulse explain: which control acts where and when, without drawing.

#include <cstdio>
#include <memory>

#include "corepulse/pipeline.h"

#include "commands/commands.h"
#include "run_flags.h"
#include "terminal/progress.h"

namespace corepulse::cli {

namespace {

const char* const kExplainExamples = R"(Examples:
  corepulse explain -p "a cat in a park" --inject "a dragon @ content, sigma 15..2"
  corepulse explain -p "a cat in a park" --reweight "park=0.3 @ fine" --steps 30
  corepulse explain --from dragon.png
  corepulse explain --recipe mine.json --json

Takes the flags of generate, reads no weights, and fails as generate would.)";

}  // namespace

void add_explain(CLI::App& app, Global& global) {
  auto* command = app.add_subcommand("explain", "Show which control acts in which block at which step");
  command->footer(kExplainExamples);
  auto flags = std::make_shared<RunFlags>(*command);
  add_json_flag(*command, global);
  command->callback([flags, &global] {
    auto notes = flags->notes();
    const auto recipe = flags->recipe(&notes);
    for (const auto& line : notes) note("note: " + line, false);
    const auto explanation = explain(recipe);
    if (global.json)
      std::puts(explanation.json.c_str());
    else
      std::fputs(explanation.text.c_str(), stdout);
  });
}

}  // namespace corepulse::cli
