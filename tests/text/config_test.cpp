// text_encoder/config.json.

#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "golden.h"
#include "text/config_json.h"

using namespace corepulse;
using namespace corepulse::text;

namespace {

io::Json good() {
  return io::parse_json(R"({"architectures": ["CLIPTextModel"], "model_type": "clip_text_model", "hidden_size": 768,
      "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072, "vocab_size": 49408,
      "max_position_embeddings": 77, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-05, "projection_dim": 768,
      "bos_token_id": 0, "eos_token_id": 2})",
                        "config.json");
}

Config with(const char* field, const io::Json& value) {
  auto json = good();
  json[field] = value;
  return config_from_json(json, "config.json");
}

}  // namespace

TEST_CASE("a config is read as transformers means it") {
  const auto c = config_from_json(good(), "config.json");
  CHECK(c.width == 768);
  CHECK(c.layers == 12);
  CHECK(c.heads == 12);
  CHECK(c.mlp_width == 3072);
  CHECK(c.vocabulary == 49408);
  CHECK(c.positions == 77);
  CHECK(c.activation == Activation::quick_gelu);
  CHECK(c.norm_eps == 1e-5f);
  CHECK(with("hidden_act", "gelu").activation == Activation::gelu);
}

TEST_CASE("end token 2 is the mistake of old configs") {
  CHECK(with("eos_token_id", 2).legacy_eos);
  CHECK(with("eos_token_id", 2).eos == 49407);
  CHECK_FALSE(with("eos_token_id", 49407).legacy_eos);
  CHECK(with("eos_token_id", 1555).eos == 1555);
}

TEST_CASE("only the projecting class has a projection, whatever the config's number says") {
  CHECK(with("architectures", {"CLIPTextModel"}).projection == 0);
  CHECK(with("architectures", {"CLIPTextModelWithProjection"}).projection == 768);
}

TEST_CASE("a wrong field is an error that names it") {
  const auto bad = [](const char* field, const io::Json& value) {
    INFO(field, " ", value.dump());
    CHECK_THROWS_WITH_AS(with(field, value), doctest::Contains(field), Error);
  };
  for (const auto* field : {"hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
                            "vocab_size", "max_position_embeddings", "projection_dim"}) {
    for (const auto& value : {io::Json(0), io::Json(-1), io::Json(1u << 31), io::Json(1e300), io::Json(12.5),
                              io::Json("12"), io::Json(nullptr), io::Json::array()}) {
      if (std::string(field) == "projection_dim") {
        auto json = good();
        json["architectures"] = {"CLIPTextModelWithProjection"};
        json[field] = value;
        CHECK_THROWS_WITH_AS(config_from_json(json, "config.json"), doctest::Contains(field), Error);
      } else {
        bad(field, value);
      }
    }
  }
  bad("num_attention_heads", 7);
  bad("num_attention_heads", 1);
  bad("hidden_act", "gelu_new");
  bad("hidden_act", 3);
  bad("layer_norm_eps", -1e-5);
  bad("layer_norm_eps", "1e-5");
  bad("eos_token_id", 49408);
  bad("eos_token_id", -1);
  bad("model_type", "t5");
  bad("architectures", {"CLIPModel"});
  bad("architectures", "CLIPTextModel");
}

TEST_CASE("a missing size is an error; what transformers has a default for is not") {
  for (const auto* field :
       {"hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size"}) {
    auto json = good();
    json.erase(field);
    CHECK_THROWS_WITH_AS(config_from_json(json, "config.json"), doctest::Contains(field), Error);
  }
  auto json = good();
  for (const auto* field : {"max_position_embeddings", "hidden_act", "layer_norm_eps", "model_type"}) json.erase(field);
  CHECK(config_from_json(json, "config.json").positions == 77);
  CHECK_THROWS_AS(config_from_json(io::Json::array(), "config.json"), Error);
}
