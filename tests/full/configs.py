"""The config files of the full-size folders, with the fields that the published folders have."""

DOWN, CROSS_DOWN, UP, CROSS_UP = "DownBlock2D", "CrossAttnDownBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"
BETAS = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000,
             clip_sample=False, set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1, trained_betas=None)


def unet_config(unet, heads, sample_size):
    crossing = [bool(depth) for depth in unet["attention"]]
    config = dict(
        _class_name="UNet2DConditionModel", act_fn="silu", attention_head_dim=heads,
        block_out_channels=unet["channels"], center_input_sample=False, cross_attention_dim=unet["context"],
        down_block_types=[CROSS_DOWN if c else DOWN for c in crossing],
        up_block_types=[CROSS_UP if c else UP for c in reversed(crossing)], downsample_padding=1,
        flip_sin_to_cos=True, freq_shift=0, in_channels=4, out_channels=4, layers_per_block=2, mid_block_scale_factor=1,
        norm_eps=1e-5, norm_num_groups=32, sample_size=sample_size)
    if unet["linear"]:
        # SD2.1's attention overflows float16.
        config |= dict(use_linear_projection=True, upcast_attention=not unet["added"])
    if unet["added"]:
        config |= dict(addition_embed_type="text_time", addition_time_embed_dim=256,
                       projection_class_embeddings_input_dim=unet["added"], transformer_layers_per_block=(1, 2, 10))
    return config


def vae_config(scaling, sample_size):
    return dict(_class_name="AutoencoderKL", act_fn="silu", block_out_channels=(128, 256, 512, 512), in_channels=3,
                down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4, out_channels=3,
                latent_channels=4, layers_per_block=2, norm_num_groups=32, sample_size=sample_size,
                scaling_factor=scaling)


def text_config(text, activation):
    width = text["width"]
    return dict(architectures=["CLIPTextModelWithProjection" if text["projection"] else "CLIPTextModel"],
                model_type="clip_text_model", hidden_size=width, intermediate_size=4 * width, hidden_act=activation,
                num_hidden_layers=text["layers"], num_attention_heads=width // 64, layer_norm_eps=1e-5,
                projection_dim=text["projection"] or width, max_position_embeddings=77, vocab_size=49408,
                bos_token_id=0, eos_token_id=2, pad_token_id=1)


def scheduler_config(kind, **more):
    return dict(_class_name=kind) | BETAS | more


def model_index(scheduler, xl):
    pipeline = "StableDiffusionXLPipeline" if xl else "StableDiffusionPipeline"
    index = dict(_class_name=pipeline, scheduler=["diffusers", scheduler], tokenizer=["transformers", "CLIPTokenizer"],
                 text_encoder=["transformers", "CLIPTextModel"], unet=["diffusers", "UNet2DConditionModel"],
                 vae=["diffusers", "AutoencoderKL"])
    if xl:
        return index | dict(text_encoder_2=["transformers", "CLIPTextModelWithProjection"],
                            tokenizer_2=["transformers", "CLIPTokenizer"], force_zeros_for_empty_prompt=True)
    return index | dict(feature_extractor=[None, None], safety_checker=[None, None], requires_safety_checker=False)
