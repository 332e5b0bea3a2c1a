#pragma once
// The flags that say what a model computes on, shared by the commands that compute.

#include <CLI/CLI.hpp>
#include <string>

#include "corepulse/pipeline.h"

namespace corepulse::cli {

/** Adds --device. */
void add_device_flag(CLI::App& command, std::string& device);

/** Adds --dtype. A command with RunFlags has it already. */
void add_dtype_flag(CLI::App& command, std::string& dtype);

/** As those flags' values say. */
LoadOptions load_options(const std::string& dtype, const std::string& device);

}  // namespace corepulse::cli
