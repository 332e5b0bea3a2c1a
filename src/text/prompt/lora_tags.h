#pragma once
// A1111's <lora:name:0.8> in a prompt: no words, but a file of added weights.

#include <string>
#include <vector>

namespace corepulse::text {

struct LoraTag {
  std::string name;
  double strength = 1, text_strength = 1;
};

/**
 * Takes the tags out of the prompt, as A1111 reads them: <lora:name:both>, <lora:name:text:unet>, te= and unet=; lyco
 * and locon are the same. @throws Error{invalid_request} for a number that is none, or another option of a tag.
 */
std::vector<LoraTag> take_lora_tags(std::string& prompt);

}  // namespace corepulse::text
