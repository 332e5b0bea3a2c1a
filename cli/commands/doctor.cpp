// corepulse doctor: what this machine is, whether it computes rightly, and how fast.

#include "corepulse/doctor.h"

#include <cstdio>
#include <memory>

#include "corepulse/error.h"

#include "commands/commands.h"
#include "load_flags.h"
#include "target.h"
#include "terminal/interrupt.h"

namespace corepulse::cli {

namespace {

const char* const kDoctorExamples = R"(Examples:
  corepulse doctor                       a page to paste into a report
  corepulse doctor --json
  corepulse doctor -m sd15.safetensors   the time of a step of this model
  corepulse doctor --device cpu
  corepulse doctor --steps 0             the machine and the self-test alone, where a step would take minutes

Draws one tiny picture of the built-in model and compares it with stored numbers, then times steps, ten by default: some
seconds. Exit status 9 if the picture is wrong or a step fails. A class of devices (cuda f16) that nobody has measured yet
is "unknown", which is no failure. Folders below your home folder are shown as "~"; nothing is sent anywhere.)";

struct Flags {
  ExamineOptions options;
  std::string device = "auto", dtype = "auto";
};

}  // namespace

void add_doctor(CLI::App& app, Global& global) {
  auto* command = app.add_subcommand("doctor", "Examine this machine: what it is, whether it draws rightly, how fast");
  command->footer(kDoctorExamples);
  auto flags = std::make_shared<Flags>();
  command->add_option("-m,--model", flags->options.model.model, "The model whose steps are timed")
      ->group("Model")
      ->capture_default_str();
  command->add_option("--steps", flags->options.steps, "How many steps are timed, 0 (none) to 999")
      ->capture_default_str();
  add_device_flag(*command, flags->device);
  add_dtype_flag(*command, flags->dtype);
  add_json_flag(*command, global);
  command->callback([flags, &global] {
    auto& options = flags->options;
    options.model.model = expand_home(options.model.model);
    options.load = load_options(flags->dtype, flags->device);
    options.stop = stop_flag();
    const auto findings = examine(options);
    std::fputs((global.json ? to_json(findings) + "\n" : to_text(findings)).c_str(), stdout);
    if (findings.self_test.verdict == SelfTest::Verdict::failed || !findings.step.problem.empty())
      global.status = exit_status(ErrorCode::internal);
  });
}

}  // namespace corepulse::cli
