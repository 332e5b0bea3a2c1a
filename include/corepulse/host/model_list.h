#pragma once
// The models that this machine has.
//
//   for (const auto& name : corepulse::list_models({"/home/me/models"})) std::cout << name << "\n";

#include <string>
#include <vector>

namespace corepulse {

/**
 * What ModelSource::model takes: "builtin", each org/name in the Hugging Face cache that is a whole pipeline, and of
 * each folder its .safetensors files (also those that are no model: LoRAs, parts) and Diffusers folders, sorted.
 * @throws Error{not_found} for what is no folder.
 */
std::vector<std::string> list_models(const std::vector<std::string>& folders);

/** Where the Hugging Face cache is, whether it is there or not; "": nowhere, as without a home folder. */
std::string hub_folder();

}  // namespace corepulse
