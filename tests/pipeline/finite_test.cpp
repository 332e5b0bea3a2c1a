// NaN and infinity end a run, and the message says whose they are.
#include "pipeline/finite.h"

#include <doctest/doctest.h>

#include "engine/memory.h"
#include "model_copy.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

constexpr uint16_t kNan = 0x7e00, kInfinity = 0x7c00;
const std::string kVae = "vae/diffusion_pytorch_model.safetensors", kUnet = "unet/diffusion_pytorch_model.safetensors",
                  kText = "text_encoder/model.safetensors";

std::string refusal_of_run(const ModelCopy& model, bool decode = true) {
  auto recipe = golden_recipe("small");
  recipe.model = model.path(), recipe.steps = 1;
  return refusal(
      [&] { Pipeline::load({.model = recipe.model}, {.dtype = test_dtype()}).generate({recipe, {}, decode}); });
}

}  // namespace

TEST_CASE("a picture of weights with NaN or infinity is refused, naming the network, a tensor and the file") {
  for (const auto& [file, tensor, bits] : {std::tuple{kVae, "decoder.conv_out.bias", kNan},
                                           {kVae, "decoder.conv_in.weight", kInfinity},
                                           {kVae, "decoder.mid_block.attentions.0.to_k.weight", kNan},
                                           {kVae, "post_quant_conv.weight", kNan},
                                           {kUnet, "conv_in.weight", kNan},
                                           {kUnet, "time_embedding.linear_1.weight", kInfinity},
                                           {kText, "final_layer_norm.weight", kNan}}) {
    CAPTURE(tensor);
    const ModelCopy model("small");
    model.spoil(file, tensor, bits);
    const auto said = refusal_of_run(model);
    CAPTURE(said);
    CHECK(has(said, {"bad_file: [generate]", "NaN or infinity", tensor, file.c_str()}));
    CHECK_FALSE(has(said, {"float32"}));
    CHECK_FALSE(has(said, {"--dtype"}));
  }
}

TEST_CASE("weights of what was not asked for do no harm: latents alone need no VAE") {
  const ModelCopy model("small");
  model.spoil(kVae, "decoder.conv_out.bias", kNan);
  CHECK(refusal_of_run(model, false) == "");
}

TEST_CASE("where all weights are finite the number format is blamed, and float32 is advised to float16 alone") {
  const auto parts = model::understand({.model = tiny_folder("small")});
  const auto said = [&](mx::Dtype dtype) { return refusal([&] { pipeline::fail_not_finite("it", parts, dtype); }); };
  CHECK(has(said(mx::float16), {"internal: [generate] it", "overflowed float16", "--dtype f32"}));
  CHECK(has(said(mx::float32), {"internal: [generate] it", "overflowed float32", "smaller gains"}));
  for (const auto dtype : {mx::float32, mx::bfloat16}) CHECK_FALSE(has(said(dtype), {"--dtype"}));
}

TEST_CASE("an allocation that failed is told from other failures by what MLX, CUDA and Metal say") {
  for (const char* text :
       {"[malloc] Unable to allocate 4096 bytes.", "cudaMallocAsync(&p, n, s) failed: out of memory.",
        "CUDNN_STATUS_ALLOC_FAILED", "cublasCreate(&h) failed: CUBLAS_STATUS_ALLOC_FAILED",
        "[METAL] Command buffer execution failed: Insufficient Memory (00000008:"
        "kIOGPUCommandBufferCallbackErrorOutOfMemory).",
        "[metal::malloc] Attempting to allocate 9 bytes which is greater than the maximum allowed "
        "buffer size of 8 bytes."})
    CHECK(engine::says_out_of_memory(text));
  for (const char* text : {"", "[conv] Invalid input array", "cudaErrorIllegalAddress", "an illegal memory access"})
    CHECK_FALSE(engine::says_out_of_memory(text));
}
