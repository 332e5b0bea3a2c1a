#pragma once
// Models and files that this program does not run, recognised so that they can be named.

#include <filesystem>
#include <string_view>

#include "io/tensors/tensor_view.h"

namespace corepulse::model {

/** @throws Error{unsupported_model} naming what a file is by its tensors, and what to do: Flux, Kolors, LoRA ... */
void refuse_foreign(const io::Tensors& tensors, const std::filesystem::path& path);

/** The same by the class of a Diffusers folder's pipeline, for those that have a UNet like Stable Diffusion's. */
void refuse_foreign_pipeline(std::string_view pipeline, const std::filesystem::path& folder);

}  // namespace corepulse::model
