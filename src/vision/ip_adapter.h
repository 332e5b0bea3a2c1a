#pragma once
// IP-Adapter (Ye et al. 2023): what an encoder sees in a picture, as tokens beside the text's, and the keys and values
// of these tokens at each cross-attention layer. Fields are called as the keys of the original files.

#include <variant>
#include <vector>

#include "nn/layers.h"

namespace corepulse::vision {

struct IpAdapterConfig {
  enum class Kind {
    base,       ///< The picture as one vector becomes 4 tokens.
    plus,       ///< What the encoder sees of all patches is read by 16 queries (Plus, Plus-Face).
    full_face,  ///< Of all patches, each is a token.
    face_id     ///< A face's vector, of another program, becomes 4 tokens.
  } kind = Kind::base;
  int input = 0;                   ///< Width of what is read: of the vectors, of the hidden states.
  int tokens = 0;                  ///< Of one picture; full_face: as many as the encoder sees patches, and one.
  int context_width = 0;           ///< Of a token, as of the text's.
  int inner = 0;                   ///< Plus: of its queries; face_id: between its two matrices.
  int heads = 0, head_size = 64;   ///< Plus.
  int layers = 0, mlp = 0;         ///< Plus.
  std::vector<int> channels = {};  ///< Of each cross-attention layer, in the file's order.

  int inner_heads() const { return heads * head_size; }
};

/** One vector to tokens. */
struct ImageProjection {
  ImageProjection(const nn::Weights& w, const IpAdapterConfig& config);
  mx::array operator()(const mx::array& x) const;  // [n, input] -> [n, tokens, context_width]
  nn::Linear proj;
  nn::LayerNorm norm;
};

/** Two matrices and a norm: of every patch, or of a face's vector, whose result is parted into tokens before the norm.
 */
struct MlpProjection {
  MlpProjection(const nn::Weights& w, const IpAdapterConfig& config);
  mx::array operator()(const mx::array& x) const;
  nn::Linear proj_0, proj_2;
  nn::LayerNorm norm;
  bool patches;  ///< x is [n, N, input]; else [n, input].
};

struct PerceiverAttention {
  PerceiverAttention(const nn::Weights& w, const IpAdapterConfig& config);
  mx::array operator()(const mx::array& x, const mx::array& latents) const;
  nn::LayerNorm norm1, norm2;
  nn::Linear to_q, to_kv, to_out;
  int heads;
};

struct PerceiverMlp {
  PerceiverMlp(const nn::Weights& w, const IpAdapterConfig& config);
  mx::array operator()(const mx::array& x) const;
  nn::LayerNorm norm;
  nn::Linear in, out;
};

/** Queries of its own read the patches (Perceiver, Jaegle et al. 2021). */
struct Resampler {
  Resampler(const nn::Weights& w, const IpAdapterConfig& config);
  mx::array operator()(const mx::array& x) const;  // [n, N, input] -> [n, tokens, context_width]
  mx::array latents;                               // [1, tokens, inner]
  nn::Linear proj_in;
  struct Layer {
    PerceiverAttention attention;
    PerceiverMlp mlp;
  };
  std::vector<Layer> layers;
  nn::Linear proj_out;
  nn::LayerNorm norm_out;
};

/** Of one cross-attention layer. */
struct PictureKeys {
  PictureKeys(const nn::Weights& w, int context_width, int channels);
  nn::Linear to_k_ip, to_v_ip;
};

class IpAdapter {
 public:
  /** @param w with "image_proj" and "ip_adapter". @throws Error{unsupported_model} naming a tensor that is missing or
   * misshapen. */
  IpAdapter(const nn::Weights& w, const IpAdapterConfig& config);

  /** Of pictures as the kind reads them, [n, input] or [n, N, input]: [1, n tokens, context_width]. */
  mx::array tokens(const mx::array& seen) const;

  const IpAdapterConfig& config() const { return config_; }
  /** By cross-attention layer, in the file's order. */
  const std::vector<PictureKeys>& keys() const { return ip_adapter_; }

 private:
  IpAdapterConfig config_;
  std::variant<ImageProjection, MlpProjection, Resampler> image_proj_;
  std::vector<PictureKeys> ip_adapter_;
};

}  // namespace corepulse::vision
