"""Names and shapes of the full-size models' tensors, as Diffusers folders hold them. From formulas, not from files."""

SD1 = dict(channels=(320, 640, 1280, 1280), attention=(1, 1, 1, 0), context=768, linear=False, added=0)
SD2 = SD1 | dict(context=1024, linear=True)
SDXL = dict(channels=(320, 640, 1280), attention=(0, 2, 10), context=2048, linear=True, added=2816)
CLIP_L = dict(width=768, layers=12, projection=0)
OPEN_CLIP_H = dict(width=1024, layers=23, projection=0)
OPEN_CLIP_BIGG = dict(width=1280, layers=32, projection=1280)
LAYERS = 2  # layers_per_block of all of them
VAE_CHANNELS = (128, 256, 512, 512)


def linear(name, n_in, n_out, bias=True):
    return {name + ".weight": (n_out, n_in)} | ({name + ".bias": (n_out,)} if bias else {})


def conv(name, n_in, n_out, k):
    return {name + ".weight": (n_out, n_in, k, k), name + ".bias": (n_out,)}


def norm(name, width):
    return {name + ".weight": (width,), name + ".bias": (width,)}


def resnet(name, n_in, n_out, time=0):
    out = norm(f"{name}.norm1", n_in) | conv(f"{name}.conv1", n_in, n_out, 3)
    out |= norm(f"{name}.norm2", n_out) | conv(f"{name}.conv2", n_out, n_out, 3)
    if time:
        out |= linear(f"{name}.time_emb_proj", time, n_out)
    return out | (conv(f"{name}.conv_shortcut", n_in, n_out, 1) if n_in != n_out else {})


def transformer(name, width, depth, unet):
    out = norm(f"{name}.norm", width)
    for proj in ("proj_in", "proj_out"):
        out |= (linear if unet["linear"] else lambda n, i, o: conv(n, i, o, 1))(f"{name}.{proj}", width, width)
    for block in (f"{name}.transformer_blocks.{d}" for d in range(depth)):
        for attention, context in (("attn1", width), ("attn2", unet["context"])):
            out |= linear(f"{block}.{attention}.to_q", width, width, bias=False)
            out |= linear(f"{block}.{attention}.to_k", context, width, bias=False)
            out |= linear(f"{block}.{attention}.to_v", context, width, bias=False)
            out |= linear(f"{block}.{attention}.to_out.0", width, width)
        out |= linear(f"{block}.ff.net.0.proj", width, 8 * width) | linear(f"{block}.ff.net.2", 4 * width, width)
        for n in ("norm1", "norm2", "norm3"):
            out |= norm(f"{block}.{n}", width)
    return out


def unet_shapes(unet):
    channels, depths = unet["channels"], unet["attention"]
    first, time = channels[0], 4 * channels[0]
    out = conv("conv_in", 4, first, 3) | linear("time_embedding.linear_1", first, time)
    out |= linear("time_embedding.linear_2", time, time)
    if unet["added"]:
        out |= linear("add_embedding.linear_1", unet["added"], time) | linear("add_embedding.linear_2", time, time)
    skips, width = [first], first
    for b, (n, depth) in enumerate(zip(channels, depths)):
        for layer in range(LAYERS):
            out |= resnet(f"down_blocks.{b}.resnets.{layer}", width, n, time)
            out |= transformer(f"down_blocks.{b}.attentions.{layer}", n, depth, unet) if depth else {}
            width = n
            skips.append(n)
        if b + 1 < len(channels):
            out |= conv(f"down_blocks.{b}.downsamplers.0.conv", n, n, 3)
            skips.append(n)
    for i in range(2):
        out |= resnet(f"mid_block.resnets.{i}", width, width, time)
    out |= transformer("mid_block.attentions.0", width, depths[-1] or depths[-2], unet)
    for b, (n, depth) in enumerate(zip(reversed(channels), reversed(depths))):
        for layer in range(LAYERS + 1):
            out |= resnet(f"up_blocks.{b}.resnets.{layer}", width + skips.pop(), n, time)
            out |= transformer(f"up_blocks.{b}.attentions.{layer}", n, depth, unet) if depth else {}
            width = n
        if b + 1 < len(channels):
            out |= conv(f"up_blocks.{b}.upsamplers.0.conv", n, n, 3)
    return out | norm("conv_norm_out", first) | conv("conv_out", first, 4, 3)


def vae_middle(side):
    width = VAE_CHANNELS[-1]
    out = resnet(f"{side}.mid_block.resnets.0", width, width) | resnet(f"{side}.mid_block.resnets.1", width, width)
    attention = f"{side}.mid_block.attentions.0"
    out |= norm(f"{attention}.group_norm", width)
    for proj in ("to_q", "to_k", "to_v", "to_out.0"):
        out |= linear(f"{attention}.{proj}", width, width)
    return out


def vae_levels(side, kind, channels, layers, sampler):
    out, width = {}, channels[0]
    for b, n in enumerate(channels):
        for layer in range(layers):
            out |= resnet(f"{side}.{kind}.{b}.resnets.{layer}", width, n)
            width = n
        if b + 1 < len(channels):
            out |= conv(f"{side}.{kind}.{b}.{sampler}.0.conv", n, n, 3)
    return out


def vae_shapes():
    fine, coarse = VAE_CHANNELS[0], VAE_CHANNELS[-1]
    out = conv("encoder.conv_in", 3, fine, 3) | vae_middle("encoder") | norm("encoder.conv_norm_out", coarse)
    out |= vae_levels("encoder", "down_blocks", VAE_CHANNELS, LAYERS, "downsamplers")
    out |= conv("encoder.conv_out", coarse, 8, 3) | conv("quant_conv", 8, 8, 1) | conv("post_quant_conv", 4, 4, 1)
    out |= conv("decoder.conv_in", 4, coarse, 3) | vae_middle("decoder")
    out |= vae_levels("decoder", "up_blocks", VAE_CHANNELS[::-1], LAYERS + 1, "upsamplers")
    return out | norm("decoder.conv_norm_out", fine) | conv("decoder.conv_out", fine, 3, 3)


def text_shapes(text):
    """Named without `text_model.`."""
    width = text["width"]
    out = {"embeddings.token_embedding.weight": (49408, width), "embeddings.position_embedding.weight": (77, width)}
    for layer in (f"encoder.layers.{n}" for n in range(text["layers"])):
        for proj in ("q_proj", "k_proj", "v_proj", "out_proj"):
            out |= linear(f"{layer}.self_attn.{proj}", width, width)
        out |= linear(f"{layer}.mlp.fc1", width, 4 * width) | linear(f"{layer}.mlp.fc2", 4 * width, width)
        out |= norm(f"{layer}.layer_norm1", width) | norm(f"{layer}.layer_norm2", width)
    out |= norm("final_layer_norm", width)
    return out | (linear("text_projection", width, text["projection"], bias=False) if text["projection"] else {})
