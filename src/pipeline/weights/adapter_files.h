#pragma once
// The adapter files (LoRA and its family) that controls name: found, read against the model, known by their digests.

#include <memory>
#include <string>
#include <vector>

#include "corepulse/control.h"

#include "adapters/adapter.h"
#include "control/inputs.h"
#include "model/parts.h"

namespace corepulse::pipeline {

/** A file as controls read it. */
struct AdapterFile {
  control::AdapterInfo info;  ///< What control is told of it; the name is the file's.
  adapters::Adapter content;
  std::string sha256;
};
using AdapterFiles = std::vector<std::shared_ptr<const AdapterFile>>;

/**
 * Names become those of files: of one without its ending, and where they name no folder, of one in `folder`
 * (Recipe::loras; "": none).
 * @param path what errors call the controls. @throws Error{not_found} naming what the folder holds.
 */
void find_adapters(std::vector<Control>& controls, const std::string& folder, const std::string& path);

/**
 * The list with the files that the controls name added to it. @throws as adapters::read; bad_file for one that is not
 * what its control's sha256 says.
 */
AdapterFiles with_adapters(AdapterFiles known, const std::vector<Control>& controls, const std::string& path,
                           const model::Parts& parts);

/** Every control that reads one of the files has its digest. */
void keep_digests(std::vector<Control>& controls, const AdapterFiles& files);

/** For people: what was left out of files that need not fit. @param from of those from this one on. */
std::vector<std::string> notes_of(const AdapterFiles& files, size_t from = 0);

/** A text encoder's tensor as adapters call it: transformers' name, which some files shorten. */
std::string adapted_name(model::Part part, const std::string& tensor);

}  // namespace corepulse::pipeline
