// TAESD's decoder against Diffusers' AutoencoderTiny (make_taesd_goldens.py).
#include "vae/tiny_decoder.h"

#include <doctest/doctest.h>
#include <filesystem>

#include "corepulse/error.h"

#include "mlx/io.h"
#include "mlx/ops.h"

#include "../io/support.h"
#include "io/tensors/safetensors.h"
#include "support/places.h"

namespace corepulse::vae {
namespace {

std::string model_file() {
  return test::golden_folder() + "/taesd_model.safetensors";
}

double error_of(const TinyDecoder& decoder) {
  const auto goldens = mx::load_safetensors(test::golden_folder() + "/taesd.safetensors").first;
  const auto ours = mx::transpose(decoder(mx::transpose(goldens.at("latents"), {0, 2, 3, 1})), {0, 3, 1, 2});
  const auto& theirs = goldens.at("picture");
  REQUIRE(ours.shape() == theirs.shape());
  return mx::max(mx::abs(ours - theirs)).item<float>() / mx::max(mx::abs(theirs)).item<float>();
}

/** The model's decoder with other names, or other tensors. */
template <class Change>
std::string changed(const test::Folder& folder, Change change) {
  const auto opened = io::open_safetensors(model_file());
  io::Tensors tensors;
  for (const auto& [name, view] : opened.tensors) change(name, view, tensors);
  const auto file = folder / "taesd.safetensors";
  io::write_safetensors(file, tensors);
  return file.string();
}

ErrorCode code_of(const std::string& file) {
  try {
    open_tiny_decoder(file);
  } catch (const Error& error) {
    return error.code();
  }
  FAIL("accepted");
  return ErrorCode::internal;
}

TEST_CASE("the tiny decoder draws what Diffusers' AutoencoderTiny draws, under either naming") {
  CHECK(error_of(open_tiny_decoder(model_file())) < 1e-5);
  const test::Folder folder;
  const auto original = changed(folder, [](const std::string& name, const io::TensorView& view, io::Tensors& out) {
    const std::string layers = "decoder.layers.";
    if (!name.starts_with(layers)) return;
    const auto rest = name.substr(layers.size());
    const auto dot = rest.find('.');
    out.emplace(std::to_string(std::stoi(rest.substr(0, dot)) + 1) + rest.substr(dot), view);
  });
  CHECK(error_of(open_tiny_decoder(original)) < 1e-5);
}

TEST_CASE("a file that is no tiny decoder is refused, and so is a tensor too many, too few or of another shape") {
  const test::Folder folder;
  CHECK(code_of((folder / "absent.safetensors").string()) == ErrorCode::not_found);
  CHECK(code_of(test::golden_folder() + "/sd1.safetensors") == ErrorCode::unsupported_model);
  const auto with = [&](auto change) { return code_of(changed(folder, change)); };
  CHECK(with([](const auto& name, const auto& view, io::Tensors& out) {
          if (name != "decoder.layers.7.conv.2.bias") out.emplace(name, view);
        }) == ErrorCode::unsupported_model);
  CHECK(with([](const auto& name, const auto& view, io::Tensors& out) {
          out.emplace(name, view);
          out.emplace("decoder.layers.19.weight", view);
        }) == ErrorCode::unsupported_model);
  CHECK(with([](const auto& name, auto view, io::Tensors& out) {
          if (name == "decoder.layers.18.bias") view.shape = {1, 3};
          out.emplace(name, view);
        }) == ErrorCode::unsupported_model);
}

}  // namespace
}  // namespace corepulse::vae
