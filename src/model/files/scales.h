#pragma once
// Scales of weights in 8-bit floats ("scaled fp8"): a number beside each weight that it is multiplied by.

#include <filesystem>

#include "io/tensors/tensor_view.h"

namespace corepulse::model {

/**
 * The tensors without the scales, which go into the views of the weights that they belong to: X.scale_weight and
 * X.weight_scale are those of X.weight. Scales of inputs (X.scale_input, X.input_scale) are for products in 8-bit
 * floats, which are not computed here: left out, as are the markers scaled_fp8 and comfy_quant of formats that are
 * read.
 * @throws Error unsupported_model for other quantised formats, bad_file for a scale that is none; both name the tensor.
 */
io::Tensors take_scales(const io::Tensors& tensors, const std::filesystem::path& path);

}  // namespace corepulse::model
