#pragma once
// Under whose names a side network's tensors lie in its file.

#include <filesystem>

#include "model/side/side_parts.h"

namespace corepulse::model {

/**
 * The tensors under Diffusers' names, markers and prefixes left out: Diffusers', those of LDM's ControlNets and
 * control-loras, and those of TencentARC's T2I-Adapters. A name without a rule stays as it is. @param form is set.
 * @throws Error bad_file if two tensors get the same name.
 */
io::Tensors side_tensors(const io::Tensors& tensors, const std::filesystem::path& path, SideForm& form);

}  // namespace corepulse::model
