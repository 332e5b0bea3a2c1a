#pragma once
// A1111's <lora:name:0.8> in a prompt: no words, but a file of added weights.

#include <string>
#include <vector>

namespace corepulse::text {

struct LoraTag {
  std::string name;
  double strength = 1, text_strength = 1;
  std::vector<double> blocks;  ///< Strengths by block, of lbw=; not counted.
};

/**
 * Takes the tags out of the prompt, as A1111 reads them: <lora:name:both>, <lora:name:text:unet>, te= and unet=; lyco
 * and locon are the same. lbw= is its extension LoRA Block Weight's: numbers by block, or the name of one of its
 * presets of 17. @throws Error{invalid_request} for a number that is none, or another option of a tag.
 */
std::vector<LoraTag> take_lora_tags(std::string& prompt);

}  // namespace corepulse::text
